"""The commands that read and print: what they say, and that the API answers the same."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.record import record
from activity.types import ActivityType
from metrics import room
from metrics.models import App, Heartbeat, Server
from tests.dashboard import fleet
from tests.dashboard.addresses import filled, grow, with_history
from tests.dashboard.fleet import container

pytestmark = pytest.mark.django_db(databases=["default", "queue"])


@pytest.fixture(autouse=True)
def _as_wide_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def run(command: str, *options: str) -> str:
    """What a command prints into a pipe."""
    out = io.StringIO()
    call_command(*command.split(), *options, stdout=out)
    return out.getvalue()


def ended(command: str) -> tuple[int, str]:
    """What it ends with, too."""
    out = io.StringIO()
    try:
        call_command(*command.split(), stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def answer(api: Client, address: str) -> Any:
    response = api.get(f"/api/v1/{filled(address)}")
    assert response.status_code == 200, response.content
    return response.json()["data"]


@pytest.fixture
def poller(db: None) -> None:
    """It has just given a sign of life."""
    Heartbeat.objects.create(name="poll", at=datetime.now(UTC), polls_a_minute=3.0)


@pytest.fixture
def servers(db: None) -> None:
    """Some, with apps, one of them offline, and a history."""
    grow(4)
    with_history()


# As JSON: the API's answers -----------------------------------------------------------------------


def test_status_is_the_apis_summary(servers: None, api: Client) -> None:
    told, own = answer(api, "summary"), json.loads(run("status --json"))
    assert own.pop("timestamp") >= told.pop("timestamp")
    assert own == told


@pytest.mark.parametrize("name", ["servers", "apps"])
def test_lists_are_the_apis_without_pages(servers: None, api: Client, name: str) -> None:
    told = answer(api, name)
    assert told[name]
    assert json.loads(run(f"{name} --json")) == told | {"limit": None}


def test_the_apps_of_a_server_are_the_apis(servers: None, api: Client) -> None:
    told = answer(api, "servers/{server}/apps")
    assert len(told["apps"]) == 3
    assert json.loads(run("apps --json --server=web-000")) == told


RANGES = ["from={begin}&to={end}", "period=1h", "period=30d"]


@pytest.mark.parametrize("asked", RANGES)
@pytest.mark.parametrize(("address", "options"), [("", []), ("/apps/{app}", ["--app=shop/db"])])
def test_metrics_are_the_apis(servers: None, api: Client, asked: str, address: str, options: list[str]) -> None:
    App.objects.filter(name="db").update(name="shop/db")
    asked = filled(asked)
    for _attempt in range(3):  # a step may end between the two
        told = answer(api, f"servers/{{server}}{address}/metrics?{asked}")
        own = json.loads(run("metrics web-000 --json", *options, *(f"--{one}" for one in asked.split("&"))))
        if own == told:
            break
    assert own == told


def test_activity_is_the_apis_with_the_newest_last(servers: None, api: Client) -> None:
    assert (told := answer(api, "activity?limit=1000&server_id={server}")["logs"])
    assert [json.loads(line) for line in run("activity --json --server=web-000").splitlines()] == told[::-1]


# status ---------------------------------------------------------------------------------------------


def test_status_tells_how_all_fare(poller: None) -> None:
    fleet.with_apps(container("web"), container("job"), name="web-01")
    fleet.pending("web-02")
    told = run("status")
    assert "Servers   1 / 2 online      1 pending\n" in told
    assert "Apps      2 / 2 running" in told
    assert "Monitor   3 polls a minute  last sign of life" in told
    row = next(line for line in told.splitlines() if line.startswith("online"))
    assert row.split()[:5] == ["online", "web-01", "–", "2%", "23%"], row
    assert "server_connected" in told


def test_status_without_servers_says_how_to_add_one(poller: None) -> None:
    assert "There are no servers yet. Add the first one: manage.py add_server NAME" in run("status")


def test_figures_that_are_old_are_not_shown(poller: None) -> None:
    fleet.online(ago=timedelta(minutes=5))
    row = next(line for line in run("status").splitlines() if line.startswith("online"))
    assert row.split()[2:6] == ["–"] * 4


def test_of_many_servers_status_shows_the_first(poller: None, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(3)
    monkeypatch.setattr("dashboard.management.commands.status.MOST_SERVERS", 2)
    told = run("status")
    assert "web-001" in told
    assert "… and 1 more: manage.py servers\n" in told


def test_a_check_of_what_is_well_says_nothing(poller: None) -> None:
    fleet.with_apps(container())
    assert ended("status --check") == (0, "")


def test_a_check_tells_an_offline_server_with_its_remedy(poller: None) -> None:
    fleet.offline(ago=timedelta(minutes=2))
    code, told = ended("status --check")
    assert (code, told[:30]) == (2, "offline   web-01, for 2 min: N"), told
    assert "check that sshd runs, and the port" in told


def test_a_check_tells_an_app_in_error(poller: None) -> None:
    fleet.crashed()
    code, told = ended("status --check")
    assert code == 2
    assert re.search(r"error     web, for .*: Exited with code 139 \(SIGSEGV\) on of-web", told), told


def test_a_check_tells_a_poller_that_is_silent(db: None) -> None:
    fleet.online()
    assert ended("status --check")[1].startswith("critical  poller: It gives no sign of life, so nothing is polled")
    Heartbeat.objects.create(name="poll", at=datetime.now(UTC) - timedelta(minutes=5))
    code, told = ended("status --check")
    assert code == 2
    assert told.startswith("critical  poller, for 5 min: It gives no sign of life, so what is shown is getting old")
    assert "does not poll" in run("status")


def test_a_check_tells_a_full_disk(poller: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FLOOR_BYTES", 2**62)
    assert ended("status --check")[0] == 2


def test_a_check_in_json_ends_with_the_same_code(poller: None) -> None:
    fleet.offline()
    code, told = ended("status --check --json")
    assert (code, json.loads(told)["offline_servers"]) == (2, 1)


# servers and apps -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("", ["db-01", "web-01", "web-02"]),
        ("--tag=production", ["web-01"]),
        ("--status=offline", ["web-02"]),
        ("--status=pending", ["db-01"]),
        ("--search=WEB", ["web-01", "web-02"]),
        ("--search=debian --status=online", ["web-01"]),
    ],
)
def test_servers_are_filtered(db: None, options: str, names: list[str]) -> None:
    fleet.online("web-01", tags=("production",))
    fleet.offline("web-02")
    fleet.pending("db-01")
    assert [line.split()[1] for line in run(f"servers {options}").splitlines()[1:]] == names


def test_a_server_is_listed_with_all_that_is_known_of_it(db: None) -> None:
    online, offline = fleet.online("web-01", tags=("a", "b")), fleet.offline("web-02")
    told = run("servers").splitlines()
    assert " ".join(told[1].split()[:-3]) == f"{online.pk} web-01 tomo@192.0.2.1:22 online a, b 21% 2% 23% 0.33"
    assert f"{offline.pk}  web-02  tomo@192.0.2.1:22  offline: refused" in told[2]


def test_lists_that_are_empty_say_what_to_do_next(db: None) -> None:
    assert "Add the first one: manage.py add_server" in run("servers")
    assert "Add the first one: manage.py add_server" in run("apps")
    server = fleet.with_apps(name="web-01", answer=fleet.ABSENT)
    assert run("servers --tag=x") == "No server matches. `manage.py servers` lists all 1.\n"
    assert "`manage.py apps --server NAME` says why" in run("apps")
    told = "No app was seen on web-01. There is neither Docker nor Podman on this server.\n"
    assert run(f"apps --server={server.pk}") == told


def test_apps_are_listed_with_their_state(db: None) -> None:
    fleet.with_apps(container(), fleet.exited("job"))
    head, job, web = run("apps").splitlines()
    assert head.split()[:4] == ["ID", "APP", "SERVER", "STATUS"]
    assert "job  web-01  error    exited with code 1" in job
    assert "64.0 MiB  256 MiB" in web


# metrics --------------------------------------------------------------------------------------------


def test_the_history_is_told_by_its_ends_and_mean(servers: None) -> None:
    told = run("metrics web-000 --period=7d --series=cpu_percent").splitlines()
    assert "in steps of" in told[0]
    assert told[1].split() == ["FIGURE", "HISTORY", "LOWEST", "MEAN", "HIGHEST", "LAST"]
    assert (told[2].split()[0], told[2].split()[2], told[2].split()[4]) == ("cpu", "1%", "71%")


def test_peaks_within_a_step_are_kept(db: None) -> None:
    server, now = fleet.pending(), datetime.now(UTC)
    for minute in range(12):
        changed = fleet.LATER if minute % 2 else fleet.FIRST
        fleet.polled(server, now - timedelta(hours=2) + minute * fleet.MINUTE, changed)
    raw = json.loads(run("metrics web-01 --json", f"--from={now - timedelta(hours=3):%Y-%m-%dT%H:%MZ}"))["metrics"]
    highest = max(one["memory_percent"] for one in raw)
    told = run("metrics web-01 --from=400d --series=memory_percent").splitlines()
    assert told[2].split()[-2] == f"{highest:.0f}%"


def test_a_time_without_samples_says_so(db: None) -> None:
    fleet.pending()
    assert "Nothing is known of that time." in run("metrics web-01 --period=1h")
    assert run("metrics web-01 --period=1h --csv --series=cpu_percent") == "timestamp,cpu_percent,samples\n"


def test_figures_go_out_as_csv_with_public_names(servers: None) -> None:
    rows = list(csv.DictReader(io.StringIO(run("metrics web-000 --period=7d --csv"))))
    api = json.loads(run("metrics web-000 --period=7d --json"))["metrics"]
    assert list(rows[0]) == list(api[0])
    assert [row["cpu_percent"] for row in rows] == [str(one["cpu_percent"] or "") for one in api]


def test_json_of_chosen_figures_leaves_out_the_others(servers: None) -> None:
    told = json.loads(run("metrics web-000 --json --series=cpu_percent,disk_percent"))["metrics"][0]
    assert set(told) == {"server_id", "cpu_percent", "cpu_percent_max", "disk_percent", "timestamp", "samples"}


# activity -------------------------------------------------------------------------------------------


def test_activity_reads_like_a_log(db: None) -> None:
    server, at = fleet.pending(), datetime(2026, 1, 31, 12, tzinfo=UTC)
    record(
        ActivityType.SERVER_REBOOTED, "web-01 rebooted", server=server, at=at, details={"explanation": "new boot id"}
    )
    record(ActivityType.REPORTED, "deployed", at=at + timedelta(seconds=7))
    assert run("activity --since=2026-01-01 --until=2026-02-01").splitlines() == [
        "2026-01-31 12:00:00  server_rebooted       web-01 rebooted: new boot id",
        "2026-01-31 12:00:07  reported              deployed",
    ]


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ("--type=reported", ["one", "two"]),
        ("--type=reported,server_rebooted --limit=2", ["two", "three"]),
        ("--type=reported --type=server_rebooted --search=WEB-01", ["three"]),
        ("--server=web-01 --type=server_rebooted", ["three"]),
        ("--result=failure", []),
        ("--actor=nobody", []),
        ("--since=90min --type=reported", ["two"]),
        ("--until=1h --type=reported", ["one"]),
        ("--limit=0", []),
    ],
)
def test_activity_is_filtered(db: None, options: str, messages: list[str]) -> None:
    server, now = fleet.pending(), datetime.now(UTC)
    record(ActivityType.REPORTED, "one", at=now - timedelta(hours=2))
    record(ActivityType.REPORTED, "two", at=now - timedelta(minutes=30))
    record(ActivityType.SERVER_REBOOTED, "three", server=server, at=now)
    assert [json.loads(line)["message"] for line in run(f"activity --json {options}").splitlines()] == messages


def test_a_server_that_is_gone_is_found_by_its_id(db: None) -> None:
    server = fleet.online()
    Server.objects.all().delete()
    assert "server_connected" in run(f"activity --server={server.pk}")


def test_no_row_says_what_to_do_next(db: None) -> None:
    assert run("activity --result=failure") == "No row matches. `manage.py activity` prints the newest of all.\n"


def test_csv_runs_in_no_spreadsheet(db: None) -> None:
    record(ActivityType.REPORTED, "=cmd|' /C calc'!A0", details={"a": 1})
    row = list(csv.DictReader(io.StringIO(run("activity --csv"))))[-1]
    assert (row["message"], json.loads(row["details"])) == ("'=cmd|' /C calc'!A0", {"a": 1})


# All of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("metrics web-1", r"There is no server 'web-1'. Did you mean web-01\?"),
        ("metrics WEB", r"Did you mean web-01\?"),
        ("metrics zzz", r"There are: web-01\."),
        ("apps --server=999999", "There is no server '999999'"),
        ("activity --server=nope", "There is no server 'nope'"),
        ("metrics web-01 --app=weg", r"There is no app on web-01 'weg'. Did you mean web\?"),
        ("metrics web-01 --series=cpu_percen", r"Did you mean cpu_percent"),
        ("metrics web-01 --series=zzz", "Allowed: cpu_percent, "),
        ("metrics web-01 --period=1y", "invalid choice: '1y'"),
        ("metrics web-01 --period=1h --from=2h", "Give either --period, or --from"),
        ("metrics web-01 --to=2h", "Give either --period, or --from"),
        ("metrics web-01 --from=2h --to=3h", "It begins after it ends"),
        ("metrics web-01 --from=2999-01-01", "It lies in the future"),
        ("metrics web-01 --from=yesterday", "--from: 'yesterday' is no time. Write .*; or how long ago, such as 30min"),
        ("metrics web-01 --from=999999w", "longer ago than any time"),
        ("activity --type=app_crash", r"Did you mean app_crashed\?"),
        ("activity --type=zzz", "Allowed: user_login, "),
        ("activity --since=1h --until=2h", "--since has to be before --until"),
        ("activity --limit=-1", "--limit: a whole number, 0 or more"),
        ("activity --follow --until=1h", "--until and --follow: give one of them"),
        ("activity --json --csv", "not allowed with"),
        ("servers --status=lost", "invalid choice"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_allowed(db: None, command: str, told: str) -> None:
    fleet.with_apps(container())
    with pytest.raises(CommandError, match=told):
        run(command)


def test_apps_of_one_name_are_told_apart_by_their_ids(db: None) -> None:
    fleet.with_apps(*(container(name, project=name, service="web") for name in ("one", "two")))
    App.objects.update(name="web")
    one, two = App.objects.order_by("pk").values_list("pk", flat=True)
    with pytest.raises(CommandError, match=f"several called 'web': give the id of one of them, {one}, {two}"):
        run("metrics web-01 --app=web")
    assert run(f"metrics web-01 --app={one} --period=1h").startswith("web on web-01, ")


COMMANDS = ["status", "servers", "apps", "metrics {name}", "metrics {name} --csv", "activity", "activity --csv"]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_hostile_reaches_the_terminal(poller: None, command: str) -> None:
    hostile = "\x1b]0;x\x07\x9b31m\u202e\r\n"
    server = fleet.with_apps(container(f"web{hostile}", image=f"i{hostile}"), name=f"web-01{hostile}"[:64])
    record(ActivityType.REPORTED, f"said {hostile}", server=server, details={"explanation": f"why {hostile}"})
    told = run(command.format(name=server.pk))
    assert not [one for one in told if one != "\n" and not one.isprintable()], repr(told)


@pytest.mark.parametrize("command", [*COMMANDS, *(f"{one} --json" for one in ("status", "servers", "apps"))])
def test_a_command_asks_as_often_however_many_servers_there_are(db: None, command: str) -> None:
    asked = []
    for number in (3, 9):
        grow(number)
        command = command.format(name="web-000")
        run(command)
        with CaptureQueriesContext(connection) as queries:
            run(command)
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 9
