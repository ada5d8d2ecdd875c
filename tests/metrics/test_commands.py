"""The commands of an administrator, the ones about servers against a real sshd."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from dashboard import tokens
from dashboard.models import ApiToken
from metrics import preparation, servers
from metrics.models import Preparation, Server, ServerMetrics
from metrics.models.credential import CredentialKind
from metrics.servers import Secret
from tests.dashboard import fleet
from tests.sshd import Sshd

pytestmark = pytest.mark.django_db


def run(*command: Any) -> str:
    """What a command prints."""
    out = io.StringIO()
    call_command(*(str(part) for part in command), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def add(sshd: Sshd, *options: Any) -> str:
    at = ["--hostname=127.0.0.1", f"--port={sshd.port}", f"--user={sshd.user}"]
    return run("add_server", "real", *at, *options)


# add_server --------------------------------------------------------------------------------------


def test_a_server_is_added_by_key_and_fingerprint_and_can_be_polled(sshd: Sshd, keys_folder: Path) -> None:
    said = add(
        sshd, f"--key={keys_folder / 'id'}", f"--accept-host-key={sshd.fingerprint}", "--tag=a", "--tag=b", "--site=fra"
    )
    assert f"ssh-ed25519 {sshd.fingerprint}" in said
    assert "yes CPU and cores" in said
    assert said.endswith("real is prepared and will be polled.\n")
    server = Server.objects.get()
    assert ([tag.name for tag in server.tags.all()], server.site) == (["a", "b"], "fra")
    assert list(Server.objects.due(datetime.now(UTC))) == [server]


def test_another_fingerprint_is_not_signed_in_to(sshd: Sshd, keys_folder: Path) -> None:
    with pytest.raises(CommandError, match="shows no host key with SHA256:other: real is added, not prepared"):
        add(sshd, f"--key={keys_folder / 'id'}", "--accept-host-key=SHA256:other")
    assert sshd.logins() == 0
    assert not Server.objects.get().host_keys.exists()


def test_trust_on_first_use_takes_what_is_shown(sshd: Sshd, keys_folder: Path) -> None:
    add(sshd, f"--key={keys_folder / 'id'}", "--trust-on-first-use")
    assert Server.objects.get().host_keys.get().fingerprint == sshd.fingerprint


def test_without_a_word_about_the_host_key_nothing_is_dialled(sshd: Sshd, keys_folder: Path) -> None:
    said = add(sshd, f"--key={keys_folder / 'id'}")
    assert "its host key is not confirmed yet" in said
    assert not Preparation.objects.exists()


def test_a_generated_key_is_printed_to_be_put_on_the_server(sshd: Sshd) -> None:
    said = add(sshd, "--generate-key")
    line = next(line for line in said.splitlines() if line.startswith("restrict,command="))
    assert "PRIVATE" not in said
    sshd.authorize(line)
    assert prepared().state == "complete"


def prepared() -> Preparation:
    """The preparation of the only server, trusting what it shows."""
    begun = preparation.begin(Server.objects.get(), datetime.now(UTC))
    preparation.scan(begun.pk, datetime.now(UTC))
    begun.refresh_from_db()
    preparation.confirm(begun, begun.host_keys[0]["fingerprint"], datetime.now(UTC))
    preparation.test(begun.pk, datetime.now(UTC))
    begun.refresh_from_db()
    return begun


def test_a_password_is_read_from_standard_input(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2 \n"))
    with pytest.raises(CommandError, match="did not accept the sign-in") as wrong:
        add(sshd, "--password-stdin", "--trust-on-first-use")
    credential = Server.objects.get().credential
    assert (credential.kind, credential.open()) == (CredentialKind.PASSWORD, "hunter2 ")
    assert "hunter2" not in str(wrong.value)


def test_a_refused_sign_in_says_what_to_do(sshd: Sshd, keys_folder: Path) -> None:
    with pytest.raises(CommandError, match=r"check the user.*The server is added; prepare it on its page"):
        add(sshd, f"--key={keys_folder / 'stranger'}", "--trust-on-first-use")


def test_a_server_that_is_not_there_says_what_to_do(free_port: int) -> None:
    where = ["--hostname=127.0.0.1", f"--port={free_port}"]
    with pytest.raises(CommandError, match="check that sshd runs, and the port"):
        run("add_server", "x", *where, "--generate-key", "--trust-on-first-use")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-x", "--hostname=h"], "unrecognized|required|expected"),
        (["<b>", "--hostname=h"], "name: A name starts with a letter or digit"),
        (["x", "--hostname=-oProxyCommand"], "hostname: Enter a host name"),
        (["x", "--hostname=169.254.169.254"], "metadata service: enter the server's own address"),
        (["x", "--hostname=h", "--port=70000"], "port: A port is a whole number from 1 to 65535"),
        (["x", "--hostname=h", "--port=abc"], "--port: invalid int value: 'abc'"),
        (["x", "--hostname=h", "--user=a b"], "username: A user name starts with"),
        (["x", "--hostname=h", "--tag=a b"], "A tag is made of letters"),
        (["x"], "--hostname"),
        (["taken", "--hostname=h"], "name: There is a server of this name already"),
    ],
)
def test_wrong_input_says_what_is_right(options: list[str], told: str) -> None:
    fleet.pending("taken")
    with pytest.raises(CommandError, match=told):
        run("add_server", *options, "--generate-key")
    assert Server.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "told"), [("missing", "No such file"), ("public", "public half"), ("binary", "--key: ")]
)
def test_a_key_that_is_none_is_told(tmp_path: Path, keys_folder: Path, name: str, told: str) -> None:
    (tmp_path / "public").write_text((keys_folder / "id.pub").read_text())
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match=told):
        run("add_server", "x", "--hostname=h", f"--key={tmp_path / name}")
    assert not Server.objects.exists()


def test_one_credential_is_needed_and_not_two(keys_folder: Path) -> None:
    with pytest.raises(CommandError, match="one of the arguments --key --password-stdin --generate-key is required"):
        run("add_server", "x", "--hostname=h")
    with pytest.raises(CommandError, match="not allowed with"):
        run("add_server", "x", "--hostname=h", "--generate-key", f"--key={keys_folder / 'id'}")


def test_an_empty_password_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="there is nothing on standard input"):
        run("add_server", "x", "--hostname=h", "--password-stdin")
    assert not Server.objects.exists()


# poll --------------------------------------------------------------------------------------------


def test_a_poll_prints_the_figures_and_stores_them(sshd: Sshd, keys_folder: Path) -> None:
    add(sshd, f"--key={keys_folder / 'id'}", f"--accept-host-key={sshd.fingerprint}")
    said = run("poll", "real")
    assert "memory used" in said
    assert "load 1, 5, 15 min" in said
    sample = ServerMetrics.objects.get()
    assert f"of {sample.memory_total_bytes / 2**20:,.0f} MiB" in said
    assert fleet.current(Server.objects.get()).status == "online"


def test_a_first_poll_has_dashes_for_what_needs_two(sshd: Sshd, keys_folder: Path) -> None:
    add(sshd, f"--key={keys_folder / 'id'}", f"--accept-host-key={sshd.fingerprint}")
    lines = dict(line.rsplit("  ", 1) for line in run("poll", "real").splitlines())
    assert next(value.strip() for name, value in lines.items() if name.strip() == "CPU") == "–"


def test_this_machine_is_polled_through_a_shell() -> None:
    servers.watch_this_machine(datetime.now(UTC))
    assert "memory used" in run("poll", servers.LOCAL_NAME)
    assert ServerMetrics.objects.exists()


def test_a_failed_poll_is_told_and_stored(sshd: Sshd, keys_folder: Path) -> None:
    add(sshd, f"--key={keys_folder / 'id'}", f"--accept-host-key={sshd.fingerprint}")
    sshd.stop()
    with pytest.raises(CommandError, match=r"^refused: Nothing listens at"):
        run("poll", "real")
    state = fleet.current(Server.objects.get()).state
    assert (state.status, state.reason, ServerMetrics.objects.count()) == ("offline", "refused", 0)


def test_what_is_not_prepared_is_not_polled() -> None:
    fleet.pending(secret=Secret.generated())
    with pytest.raises(CommandError, match="web-01 is not prepared"):
        run("poll", "web-01")


def test_an_unknown_server_is_answered_with_those_there_are() -> None:
    with pytest.raises(CommandError, match=r"There is no server 'x'\. There are: none yet."):
        run("poll", "x")
    fleet.pending()
    with pytest.raises(CommandError, match=r"There are: web-01\."):
        run("poll", "x")


# Tokens ------------------------------------------------------------------------------------------


def test_a_token_is_printed_once_and_works(administrator: Any) -> None:
    fleet.pending(tags=("a",))
    options = ["--scope=summary:read", "--scope=summary:read", "--tag=a", "--network=10.0.0.0/8", "--expires=2"]
    text = run("create_token", "script", *options).strip()
    token = tokens.check(text, "10.1.2.3", datetime.now(UTC))
    assert (token.owner, token.scopes, str(token.tag)) == (administrator, ["summary:read"], "a")
    assert token.expires_at
    assert token.expires_at - token.created_at == timedelta(days=2)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--scope"),
        (["--scope=everything"], "invalid choice"),
        (["--scope=summary:read", "--owner=nobody"], "There is no active user 'nobody'"),
        (["--scope=summary:read", "--tag=nothing"], "No server has the tag 'nothing'"),
        (["--scope=summary:read", "--network=10.0.0.1/8"], "network: .* write 10.0.0.0/8, or 10.0.0.1 for that one"),
        (["--scope=summary:read", "--expires=0"], "--expires: Give a whole number of days from 1 to 3650"),
    ],
)
def test_a_wrong_wish_for_a_token_says_what_is_right(administrator: Any, options: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        run("create_token", "script", *options)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("name", ["", " script", "a\nb", "\x1b[31mred", "n" * 65])
def test_the_name_of_a_token_can_be_seen(administrator: Any, name: str) -> None:
    with pytest.raises(CommandError, match="name: Give it a name of 1 to 64 characters that can be seen"):
        run("create_token", name, "--scope=summary:read")


def test_a_command_makes_no_second_token_of_a_name_and_none_beyond_the_role(
    administrator: Any, django_user_model: Any
) -> None:
    django_user_model.objects.create_user("viewer")
    run("create_token", "script", "--scope=summary:read")
    with pytest.raises(CommandError, match="name: admin has a token of this name"):
        run("create_token", "script", "--scope=summary:read")
    with pytest.raises(CommandError, match="scopes: viewer does not have the role for servers:write"):
        run("create_token", "script", "--scope=servers:write", "--owner=viewer")


@pytest.mark.parametrize(("options", "days"), [([], 90), (["--expires=never"], None)])
def test_a_token_ends_after_90_days_unless_it_is_said(administrator: Any, options: list[str], days: int | None) -> None:
    run("create_token", "script", "--scope=summary:read", *options)
    token = ApiToken.objects.get()
    assert token.expires_at == (token.created_at + timedelta(days=days) if days else None)


def test_whose_token_it_is_must_be_clear(administrator: Any, django_user_model: Any) -> None:
    django_user_model.objects.create_superuser("other")
    with pytest.raises(CommandError, match="Say with --owner"):
        run("create_token", "script", "--scope=summary:read")
    run("create_token", "script", "--scope=summary:read", "--owner=other")
    assert ApiToken.objects.get().owner.username == "other"


def test_a_token_is_revoked_once(administrator: Any) -> None:
    token, text = tokens.create("script", administrator, ["summary:read"], datetime.now(UTC))
    assert run("revoke_token", token.pk) == "Token script is revoked.\n"
    with pytest.raises(tokens.Refused):
        tokens.check(text, "127.0.0.1", datetime.now(UTC))
    with pytest.raises(CommandError, match="There is no token"):
        run("revoke_token", token.pk)
