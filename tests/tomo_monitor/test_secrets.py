"""Secrets are given to a running product at every door, and then looked for in all that it says, keeps and shows."""

import json
import re
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import psutil
import pytest

from tests.serve import ROOT, Serve, until
from tests.sshd import Sshd

GREETING = ("Tomo Monitor", "Make the first administrator", "Data is in")
KEYS = {"timestamp", "level", "event", "logger", "part"}
MARKER = "no-secret-this-one"
ASKED = "asked-for-by-this-test"
Found = Callable[["Planted"], str]


@dataclass
class Visitor:
    """A browser, and all that it was answered but cookies."""

    url: str
    cookies: CookieJar = field(default_factory=CookieJar)
    answers: list[str] = field(default_factory=list)

    def ask(self, path: str, given: dict[str, Any] | None = None, **headers: str) -> tuple[int, str]:
        """Status and body of a page, or of where posting this to it leads."""
        data = urlencode({"csrfmiddlewaretoken": self.cookie("tomo_csrf"), **given}).encode() if given else None
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        try:
            answer = opener.open(urllib.request.Request(self.url + path, data, sent), timeout=20)
        except HTTPError as refused:
            answer = refused
        with answer:
            body = answer.read().decode()
        shown = [f"{name}: {value}" for name, value in answer.headers.items() if name.lower() != "set-cookie"]
        self.answers.append("\n".join([*shown, body]))
        return answer.status, body

    def cookie(self, name: str) -> str:
        return next((str(one.value) for one in self.cookies if one.name == name), "")


@dataclass
class Planted:
    """A product that was given these secrets, and by whom."""

    serve: Serve
    visitor: Visitor
    secrets: dict[str, str]
    refusals: str = ""  # what starts with a wrong database said

    def manage(self, *command: str, given: str = "") -> str:
        command = (sys.executable, "manage.py", *command)
        environment = self.serve.environment
        done = subprocess.run(command, cwd=ROOT, env=environment, input=given, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lines(self) -> list[dict[str, Any]]:
        """All log lines that are there by now, the greeting left out."""
        text = self.serve.log.read_text()
        return [json.loads(line) for line in text.splitlines() if line and not line.startswith(GREETING)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("planted")
    sshd = Sshd(folder / "sshd", (keys_folder / "id.pub").read_text())
    serve = Serve(folder, TOMO_LOG_FORMAT="json", TOMO_WATCH_SELF="off", TOMO_TRUSTED_PROXIES="127.0.0.1")
    names = ("password", "wrong password", "server password", "passphrase", "wrong passphrase", "database password")
    one = Planted(serve, Visitor(serve.url), {name: secrets.token_urlsafe(20) for name in names})
    try:
        sshd.start()
        serve.start()
        become_administrator(one)
        add_servers(one, sshd, folder, keys_folder / "id")
        use_tokens(one)
        be_refused(one)
        break_things(one, folder)
        yield one
    finally:
        serve.kill()
        sshd.stop()


def become_administrator(one: Planted) -> None:
    path, visitor, password = one.serve.set_up_path(), one.visitor, one.secrets["password"]
    one.secrets["set-up token"] = path.rpartition("/")[2]
    visitor.ask(path)
    assert visitor.ask(path, {"username": "admin", "password1": password, "password2": password})[0] == 200
    visitor.ask("/sign-out", {"now": "1"})
    for username, given in (("admin", one.secrets["wrong password"]), (MARKER, one.secrets["wrong password"])):
        assert "Sign in" in visitor.ask("/sign-in", {"username": username, "password": given})[1]
    assert "Overview" in visitor.ask("/sign-in", {"username": "admin", "password": password})[1]
    one.secrets |= {"session": visitor.cookie("tomo_session"), "csrf": visitor.cookie("tomo_csrf")}


def add_servers(one: Planted, sshd: Sshd, folder: Path, key: Path) -> None:
    """One with a key of a passphrase, which works; one with a password, which does not; one with a broken key."""
    locked, phrase = folder / "locked", one.secrets["passphrase"]
    locked.write_text(key.read_text())
    locked.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", phrase, "-f", locked], check=True)
    broken = secrets.token_urlsafe(40)
    one.secrets |= {"key": key.read_text().splitlines()[3], "locked key": locked.read_text().splitlines()[3]}
    one.secrets |= {"broken key": broken}
    at = {"hostname": "127.0.0.1", "port": sshd.port, "username": sshd.user}
    with_key = at | {"credential": "key", "private_key": locked.read_text()}
    begin, end = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"
    one.visitor.ask("/servers/add", with_key | {"name": "x", "passphrase": one.secrets["wrong passphrase"]})
    one.visitor.ask("/servers/add", with_key | {"name": "x", "private_key": f"{begin}\n{broken}\n{end}"})
    one.visitor.ask("/servers/add", with_key | {"name": "by-key", "passphrase": phrase})
    with_password = at | {"credential": "password", "password": one.secrets["server password"]}
    one.visitor.ask("/servers/add", with_password | {"name": "by-password"})
    assert one.serve.rows("SELECT name FROM metrics_server ORDER BY id") == [("by-key",), ("by-password",)]
    for number, state in ((1, "complete"), (2, "failed")):
        prepare(one, number, sshd.fingerprint, state)


def prepare(one: Planted, server: int, fingerprint: str, state: str) -> None:
    one.visitor.ask(f"/servers/{server}/prepare/start", {"now": "1"})
    newest = f"SELECT state, id FROM metrics_preparation WHERE server_id = {server}"
    [(_, number)] = until(lambda: [row for row in one.serve.rows(newest) if row[0] == "confirming"], 20, "a host key")
    given = {"preparation": number, "fingerprint": fingerprint}
    one.visitor.ask(f"/servers/{server}/prepare/confirm", given)
    until(lambda: [row for row in one.serve.rows(newest) if row[0] == state], 20, state)


def use_tokens(one: Planted) -> None:
    made = one.manage("create_token", "planted", "--scope", "activity:read").strip()
    wish = {"name": "by-page", "scopes": "activity:read", "lifetime": "90"}
    shown = re.findall(r"tomo_\d+_[\w-]{43}", one.visitor.ask("/tokens/add", wish)[1])
    one.visitor.answers.pop()  # the one page that shows it
    one.secrets |= {"token": made, "token of a page": shown[0], "wrong token": f"tomo_77_{secrets.token_urlsafe(32)}"}
    stranger = Visitor(one.serve.url, answers=one.visitor.answers)
    for name, status in (("token", 200), ("token of a page", 200), ("wrong token", 401)):
        token = one.secrets[name]
        assert stranger.ask("/api/v1/activity", Authorization=f"Bearer {token}")[0] == status
        stranger.ask("/api/v1/activity", X_Api_Key=token)
        stranger.ask("/api/v1/activity", Authorization=f"Basic {token}")
        stranger.ask(f"/api/v1/activity?token={token}")
        stranger.ask(f"/api/v1/{token}")
        stranger.ask(f"/nothing/{token}")


def be_refused(one: Planted) -> None:
    """Error pages: a form without its token, a host that is not ours, a link that is used up, an id of a stranger's."""
    stranger = Visitor(one.serve.url, answers=one.visitor.answers)
    assert stranger.ask("/sign-in", {"password": one.secrets["password"]})[0] == 403
    assert one.visitor.ask("/", Host="evil.example")[0] == 400
    assert one.visitor.ask(f"/set-up/{one.secrets['set-up token']}")[0] == 404
    assert one.visitor.ask(f"/set-up/{one.secrets['set-up token']}/more")[0] == 404
    one.visitor.ask("/servers/1/poll", {"now": "1"}, X_Request_ID=ASKED)
    until(lambda: [line for line in one.lines() if line["event"] == "poll.finished"], 20, "the poll that was asked for")


def break_things(one: Planted, folder: Path) -> None:
    """A task whose exception tells a token, and starts with a database that cannot be."""
    one.secrets["token in an exception"] = token = f"tomo_78_{secrets.token_urlsafe(32)}"
    one.manage("shell", given=f"from metrics.queue import enqueue; enqueue('scan', {token!r})\n")
    until(lambda: [line for line in one.lines() if line["event"] == "task.failed"], 20, "the task breaks")
    password = one.secrets["database password"]
    for url in (f"mysql://tomo:{password}@127.0.0.1/tomo", f"postgres://tomo:{password}@127.0.0.1:1/tomo"):
        environment = one.serve.environment | {"TOMO_DATABASE_URL": url, "TOMO_DATA_DIR": str(folder / "other")}
        command = [sys.executable, "manage.py", "serve"]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode != 0
        one.refusals += ended.stdout + ended.stderr


# Where it is looked for --------------------------------------------------------------------------


def processes(one: Planted) -> str:
    lines = []
    for process in one.serve.processes():
        with suppress(psutil.Error):
            lines.append(" ".join(process.cmdline()))
    return "\n".join(lines)


def database(one: Planted, name: str) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in sorted(one.serve.data.glob(f"{name}.sqlite3*")))


def other_files(one: Planted) -> str:
    """All that is kept but keys and the databases, with the names."""
    left_out = (one.serve.data / "keys", one.serve.data / "static")
    files = [path for path in one.serve.data.rglob("*") if path.is_file() and ".sqlite3" not in path.name]
    kept = [path for path in files if not any(folder in path.parents for folder in left_out)]
    return "".join(f"{path.name}\n{path.read_bytes().decode('latin-1')}" for path in kept)


PLACES: dict[str, tuple[str, Found]] = {
    "log": (MARKER, lambda one: "\n".join(map(str, one.lines()))),
    "refused starts": ("TOMO_DATABASE_URL", lambda one: one.refusals),
    "command lines": ("qcluster", processes),
    "queue": ("metrics.tasks.poll", lambda one: database(one, "queue")),
    "database": (MARKER, lambda one: database(one, "tomo")),
    "other files": ("serve.lock", other_files),
    "activity page": (MARKER, lambda one: one.visitor.ask("/activity")[1]),
    "activity API": (MARKER, lambda one: one.visitor.ask("/api/v1/activity?limit=1000")[1]),
    "answers": (f"X-Request-ID: {ASKED}".lower(), lambda one: "\n".join(one.visitor.answers).lower()),
}
ALLOWED = {("session", "database")}  # the table of sessions is found by it


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_where_what_is_no_secret_is_found(planted: Planted, place: str) -> None:
    harmless, look = PLACES[place]
    text = look(planted)
    assert harmless in text
    sought = {name: secret for name, secret in planted.secrets.items() if (name, place) not in ALLOWED}
    assert [name for name, secret in sought.items() if secret in text or secret.lower() in text] == []


def test_every_secret_would_be_found(planted: Planted) -> None:
    assert len(planted.secrets) == 16
    assert all(len(secret) >= 20 for secret in planted.secrets.values())
    assert len(set(planted.secrets.values())) == len(planted.secrets)
    assert planted.secrets["session"] in database(planted, "tomo")


def test_every_line_of_every_process_has_the_same_shape(planted: Planted) -> None:
    lines = planted.lines()
    assert [line for line in lines if not line.keys() >= KEYS] == []
    assert {line["part"] for line in lines} == {"serve", "web", "tasks", "poll"}
    assert not any(character in str(lines) for character in ("\\x1b", "\\x00"))


def test_one_id_leads_from_the_request_to_the_poll(planted: Planted) -> None:
    of_it = {(line["part"], line["event"]): line for line in planted.lines() if line.get("request_id") == ASKED}
    assert of_it.keys() == {("web", "request.finished"), ("poll", "poll.finished")}
    assert of_it["poll", "poll.finished"]["server"] == "by-key"


def test_the_task_that_broke_is_told_once_without_what_it_held(planted: Planted) -> None:
    [line] = [line for line in planted.lines() if line["event"] == "task.failed"]
    assert (line["part"], line["level"]) == ("tasks", "error")
    assert "expected a number but got '••••••'" in line["exception"]
