"""What other programs report: taken once, refused by name, and recorded as theirs."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import ActivityLog
from activity.types import REPORTABLE, ActivityType
from dashboard import reports
from dashboard.api import bodies
from dashboard.api.operations import OPERATIONS
from dashboard.fields import WrongField, checked
from dashboard.models import Scope
from metrics.models import Tag
from tests.activity.kinds import proves
from tests.dashboard import fleet
from tests.dashboard.fleet import container
from tests.dashboard.test_api import ACTIVITY, error, made
from tests.serve import ROOT

pytestmark = pytest.mark.django_db

PATH = "/api/v1/activity"
DONE = {"activity_type": "backup_created", "message": "Backup of the shop made"}


@pytest.fixture
def administrator(db: None, django_user_model: Any) -> Any:
    """Without a password, which takes its time: here all have tokens."""
    return django_user_model.objects.create_superuser("admin")


def sent(script: Client, body: Any, key: str | None = None, **more: Any) -> Any:
    """The response to a POST of this body: bytes as they are, anything else as JSON."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"idempotency-key": key} if key is not None else {}
    return script.post(PATH, body, **{"content_type": "application/json", "headers": headers} | more)


def taken(script: Client, **fields: Any) -> dict[str, Any]:
    """The row that a report with these fields made."""
    response = sent(script, DONE | fields)
    assert response.status_code == 201, response.content
    assert response.json()["success"] is True
    return dict(response.json()["data"])


REFUSED = [(400, "BAD_PARAMETER"), (404, "NOT_FOUND")]  # no such server, no such app


def refused(script: Client, names: str, **fields: Any) -> str:
    """The message of a report that is refused for a field."""
    response = sent(script, DONE | fields)
    assert (response.status_code, error(response, response.status_code)) in REFUSED
    assert response.json()["message"].startswith(f"{names}: ")
    return str(response.json()["message"])


def reported() -> list[str]:
    return list(
        ActivityLog.objects.filter(activity_type__in=REPORTABLE, origin="api").values_list("message", flat=True)
    )


# What is taken -----------------------------------------------------------------------------------


def test_a_report_is_recorded_as_the_tokens(api: Client, administrator: Any) -> None:
    fleet.with_apps(container())
    app = fleet.app()
    found = taken(api, server_id=app.server_id, app_id=app.pk, result="failure", details={"size_bytes": 7})
    assert set(found) >= ACTIVITY
    row = ActivityLog.objects.get(pk=found["id"])
    assert (row.actor_kind, row.actor_name, row.user_id, row.origin) == ("token", "script", administrator.pk, "api")
    assert (row.server_name, row.app_name, row.result, row.details) == ("web-01", "web", "failure", {"size_bytes": 7})
    assert [found] == api.get(f"{PATH}?activity_types=backup_created").json()["data"]["logs"]


def test_a_row_tells_who_it_was_and_from_where(api: Client) -> None:
    response = sent(api, DONE, REMOTE_ADDR="198.51.100.7", headers={"user-agent": "cron/1"})
    found = response.json()["data"]
    assert (found["source_ip"], found["user_agent"]) == ("198.51.100.7", "cron/1")
    assert found["request_id"] == response.headers["X-Request-ID"]


@proves(ActivityType.REPORTED)
def test_every_reportable_kind_is_taken_and_no_other(api: Client) -> None:
    assert {taken(api, activity_type=kind)["activity_type"] for kind in REPORTABLE} == REPORTABLE
    for kind in (*(set(ActivityType) - REPORTABLE), "nonsense", "", 1, True, ["reported"], {"a": 1}):
        message = refused(api, "activity_type", activity_type=kind)
        assert all(allowed in message for allowed in REPORTABLE)


@pytest.mark.parametrize("message", ["x", "x" * 500, "Größe ✔️ 👩‍💻 שלום", "<b>{{ 1 }}</b>", " a "])
def test_a_message_is_kept_as_it_is(api: Client, message: str) -> None:
    assert taken(api, message=message)["message"] == message


@pytest.mark.parametrize(
    "message", ["", " ", "x" * 501, "a\nb", "\0", "\x1b[31m", "\u202egnp", "\ud800", "a\u2028b", 1, ["a"], {}]
)
def test_a_message_that_could_mislead_is_refused(api: Client, message: Any) -> None:
    assert "1 to 500 characters" in refused(api, "message", message=message)


def deep(levels: int) -> dict[str, Any]:
    return {"a": deep(levels - 1)} if levels > 1 else {}


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"": None, "n": [1.5, -0.0, 1e300, True, 2**63 - 1, -(2**63)], "ü": "\n\x7f"},
        {"a": "x" * (64 * 1024 - 8)},
        {"a": "ä" * (32 * 1024 - 4)},
        deep(20),
    ],
)
def test_details_are_kept_as_they_are(api: Client, details: dict[str, Any]) -> None:
    body = json.dumps(DONE | {"details": details}, ensure_ascii=False).encode()
    assert sent(api, body).json()["data"]["details"] == details
    assert ActivityLog.objects.order_by("-id")[0].details == details


@pytest.mark.parametrize(
    "details",
    [
        *({"a": "x" * (64 * 1024 - 7)}, {"a": "ä" * (32 * 1024 - 3)}, deep(21)),
        *({"a": "\0"}, {"\0": 1}, {"a": ["\udfff"]}, {"\ud800": 1}),
        *({"a": 2**63}, {"a": -(2**63) - 1}, {"a": 10**4000}, {"a": float("nan")}, {"a": [float("inf")]}),
        *([], "a", 1, True),
    ],
)
def test_details_that_not_everybody_can_read_are_refused(api: Client, details: Any) -> None:
    body = json.dumps(DONE | {"details": details}, ensure_ascii=r"\ud" in ascii(details)).encode()
    response = sent(api, body)
    assert error(response, 400) == "BAD_PARAMETER"
    assert re.match(r"details: Allowed: a JSON object .* 65536 bytes and 20 levels", response.json()["message"])


def test_secrets_in_details_are_masked(api: Client) -> None:
    found = taken(api, details={"shop": [{"password": "hunter2", "user": "shop"}]})
    assert "hunter2" not in str(found) + str(list(ActivityLog.objects.values()))
    assert found["details"]["shop"][0]["user"] == "shop"


def test_when_it_happened_is_told_beside_when_it_was_received(api: Client) -> None:
    before = datetime.now(UTC)
    found = taken(api, occurred_at="2026-01-31T13:00:00+01:00", details={"a": 1})
    assert found["details"] == {"a": 1, "occurred_at": "2026-01-31T12:00:00Z"}
    assert datetime.fromisoformat(found["timestamp"]) >= before - timedelta(milliseconds=1)


def test_when_it_happened_is_given_once(api: Client) -> None:
    assert taken(api, details={"occurred_at": "noon"})["details"] == {"occurred_at": "noon"}
    refused(api, "occurred_at", occurred_at="2026-01-31T12:00:00Z", details={"occurred_at": "noon"})


def test_null_is_not_given(api: Client) -> None:
    found = taken(api, server_id=None, app_id=None, result=None, details=None, occurred_at=None)
    assert (found["server_id"], found["result"], found["details"]) == (None, "success", {})


def test_no_flood_of_reports_is_left_out(api: Client) -> None:
    for number in range(15):
        taken(api, activity_type="app_crashed", message=f"crash {number}")
    assert len(reported()) == 15


# What is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"colour": "red"}, "colour"),
        ({"colour": None}, "colour"),
        ({"x" * 5000: 1}, "x" * 100),
        ({"\ud800": 1}, r"\ud800"),
        ({"activity_type": None}, "activity_type"),
        ({"message": None}, "message"),
        *(({"server_id": wrong}, "server_id") for wrong in (0, -1, "1", 1.5, True, 999, 2**63, [1])),
        *(({"server_id": 1, "app_id": wrong}, "app_id") for wrong in (0, "1", 1.5, False, 999)),
        ({"app_id": 1}, "server_id"),
        *(({"result": wrong}, "result") for wrong in ("", "Success", "failed", 1, ["success"], {})),
        *(({"occurred_at": wrong}, "occurred_at") for wrong in ("", "now", "2026-01-31T12:00:00", "2026-13-01", 1, [])),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
    ],
)
def test_a_wrong_field_is_400_and_named(api: Client, fields: dict[str, Any], names: str) -> None:
    server = fleet.pending()
    fields |= {"server_id": server.pk} if "server_id" in fields and "app_id" in fields else {}
    assert "Allowed: " in refused(api, names, **fields) or names == "server_id"
    assert reported() == []


def test_an_app_of_another_server_is_refused(api: Client) -> None:
    fleet.with_apps(container())
    refused(api, "app_id", server_id=fleet.pending("other").pk, app_id=fleet.app().pk)


@pytest.mark.parametrize(
    "body",
    [
        *(
            b" ",
            b"{",
            b"[]",
            b"1",
            b"null",
            b'"a"',
            b"{'a': 1}",
            b'{"a": 1}x',
            b"\xff",
            b"\xef\xbb\xbf{}",
            b'{"a": "\n"}',
        ),
        *(b"[" * 131_000, b'{"a":' * 20_000, b"9" * 131_000, b'{"message": "a", "message": "a"}'),
        b'{"details": {"a": 1, "a": 2}}',
    ],
)
def test_a_body_that_is_no_object_is_400(api: Client, body: bytes) -> None:
    response = sent(api, body)
    assert error(response, 400) == "BAD_JSON"
    assert response.json()["message"].startswith("body: ")


def test_a_repeated_field_is_named(api: Client) -> None:
    assert "'message' is given more than once" in sent(api, b'{"message": "a", "message": "b"}').json()["message"]


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/json; charset=latin-1"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"CONTENT_LENGTH": str(128 * 1024 + 1)}, 413, "TOO_LARGE"),
        ({"CONTENT_LENGTH": "9" * 5000}, 413, "TOO_LARGE"),
        ({"CONTENT_LENGTH": ""}, 411, "LENGTH_REQUIRED"),
        *(({"headers": {"idempotency-key": key}}, 400, "BAD_PARAMETER") for key in ("", "a b", "ä", "x" * 201)),
        ({"query_params": {"limit": "1"}}, 400, "BAD_PARAMETER"),
    ],
)
def test_a_request_of_another_shape_is_refused(api: Client, more: dict[str, Any], status: int, code: str) -> None:
    assert error(sent(api, DONE, **more), status) == code
    assert reported() == []


def test_the_charset_may_be_named(api: Client) -> None:
    assert sent(api, DONE, content_type="application/json; charset=UTF-8").status_code == 201


def test_only_what_the_table_has_is_allowed(api: Client) -> None:
    response = api.delete(PATH)
    assert error(response, 405) == "METHOD_NOT_ALLOWED"
    assert response.headers["Allow"] == "GET, POST"


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-01-31T12:00:00Z")
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
fields = st.fixed_dictionaries({}, optional=dict.fromkeys([*reports.FIELDS, "x"], values))
texts = fields.map(lambda found: json.dumps(DONE | found).encode()) | values.map(
    lambda found: json.dumps(found).encode()
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=texts | st.binary(min_size=1, max_size=100))
def test_no_body_makes_it_fail(api: Client, body: bytes) -> None:
    response = sent(api, body)
    assert response.status_code in (201, 400, 404, 429)
    assert response.json()["success"] is (response.status_code == 201)


@settings(max_examples=300, deadline=None)
@given(body=texts | st.binary() | st.text(st.sampled_from('{}[]":,\\u0d8f1eE-.nulNa ')).map(str.encode))
def test_a_body_is_a_report_or_wrong(body: bytes) -> None:
    with suppress(bodies.WrongJson, WrongField):
        assert reports.report(checked(bodies.parsed(body), reports.FIELDS)).message


# Who may -----------------------------------------------------------------------------------------


def test_a_session_may_not_write(client: Client, administrator: Any) -> None:
    client.force_login(administrator)
    response = sent(client, DONE)
    assert error(response, 403) == "TOKEN_NEEDED"
    assert "activity:write" in response.json()["message"]
    assert reported() == []


def test_nobody_may_not_write(client: Client) -> None:
    assert error(sent(client, DONE), 401) == "UNAUTHORIZED"


def test_a_token_that_may_only_write_does_not_read(administrator: Any) -> None:
    script = made(administrator, Scope.ACTIVITY_WRITE)
    assert taken(script)
    assert error(script.get(PATH), 403) == "SCOPE_MISSING"


def test_a_token_that_may_only_read_does_not_write(administrator: Any) -> None:
    script = made(administrator, *set(Scope.values) - {Scope.ACTIVITY_WRITE})
    assert error(sent(script, DONE), 403) == "SCOPE_MISSING"


def test_a_token_of_a_tag_reports_about_its_servers_alone(administrator: Any) -> None:
    seen, unseen = fleet.pending("seen", tags=("a",)), fleet.pending("unseen", tags=("b",))
    script = made(administrator, tag=Tag.objects.get(name="a"))
    assert taken(script, server_id=seen.pk)["server_name"] == "seen"
    other = refused(script, "server_id", server_id=unseen.pk)
    assert other == refused(script, "server_id", server_id=999)
    refused(script, "server_id")


# The documentation -------------------------------------------------------------------------------


def test_every_operation_is_documented_with_its_scope_and_parameters() -> None:
    table = re.findall(r"^\| `(\w+ /api/v1/\S+)` \| `(\S+)` \|(.*)\|$", (ROOT / "docs/api.md").read_text(), re.M)
    told = {address: (scope, parameters) for address, scope, parameters in table}
    for one in OPERATIONS:
        scope, parameters = told.pop(f"{one.method} /api/v1/{one.route}")
        assert scope == (one.scope or "any")
        assert all(f"`{name}`" in parameters for name in [*(taken.name for taken in one.parameters), *one.body])
    assert not told


def test_every_field_and_every_kind_is_documented() -> None:
    text = (ROOT / "docs/api.md").read_text()
    assert all(f"| `{name}` |" in text for name in reports.FIELDS)
    assert all(f"`{kind}`" in text for kind in REPORTABLE)
