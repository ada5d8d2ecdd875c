"""Preparing a server, end to end against a real sshd."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activity.models import ActivityLog
from activity.types import ActivityType
from metrics import app_access, authorized_keys, preparation, servers, tasks
from metrics.models import Preparation, Server
from metrics.preparation import PARTS
from metrics.probe.reading import AppsStatus, Containers, Reading
from metrics.servers import Secret
from tests.activity.kinds import proves
from tests.dashboard import fleet
from tests.sshd import Sshd

pytestmark = pytest.mark.django_db
State = Preparation.State


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def server(sshd: Sshd, keys_folder: Path) -> Server:
    """A server at the real sshd, with a key that it lets in."""
    secret = Secret.from_key((keys_folder / "id").read_text())
    return servers.add(Server(name="real", hostname="127.0.0.1", port=sshd.port, username=sshd.user), secret, [], now())


def scanned(server: Server) -> Preparation:
    """A new preparation after its first half."""
    begun = preparation.begin(fleet.current(server), now())
    preparation.scan(begun.pk, now())
    begun.refresh_from_db()
    return begun


def prepared(server: Server) -> Preparation:
    """A new preparation whose host keys were confirmed, after its second half."""
    begun = scanned(server)
    preparation.confirm(begun, begun.host_keys[0]["fingerprint"], now())
    preparation.test(begun.pk, now())
    begun.refresh_from_db()
    return begun


def kinds(server: Server) -> list[str]:
    """What happened to the server, oldest first."""
    rows = ActivityLog.objects.filter(server_id=server.pk).order_by("id")
    return [row.activity_type.removeprefix("preparation_") for row in rows]


def test_the_scan_shows_the_host_key_without_signing_in(server: Server, sshd: Sshd) -> None:
    begun = scanned(server)
    assert begun.state == State.CONFIRMING
    assert [key["fingerprint"] for key in begun.host_keys] == [sshd.fingerprint]
    assert sshd.logins() == 0
    assert not server.host_keys.exists()


@proves(ActivityType.PREPARATION_STARTED, ActivityType.PREPARATION_COMPLETE)
def test_a_confirmed_key_is_pinned_then_signed_in_and_reported(server: Server, sshd: Sshd) -> None:
    begun = prepared(server)
    assert (begun.state, begun.explanation) == (State.COMPLETE, "")
    assert begun.finished_at
    assert server.host_keys.get().fingerprint == sshd.fingerprint
    assert sshd.logins() == 1
    report = {part["part"]: part for part in begun.report}
    *names, containers = report
    assert names == [part.name for part in PARTS]
    assert containers.startswith("Containers")
    assert report["CPU and cores"] == {"part": "CPU and cores", "seen": True, "remedy": ""}
    assert report["Memory"]["seen"]
    assert kinds(server) == ["server_added", "started", "host_key_accepted", "complete"]


def test_a_prepared_server_is_polled_from_then_on(server: Server) -> None:
    assert server.state.next_poll_at is None
    prepared(server)
    assert list(Server.objects.due(now())) == [server]


def test_the_restricted_line_lets_the_probe_in(sshd: Sshd) -> None:
    secret = Secret.generated()
    sshd.authorize(authorized_keys.restricted(secret.public_key))
    new = Server(name="real", hostname="127.0.0.1", port=sshd.port, username=sshd.user)
    assert prepared(servers.add(new, secret, [], now())).state == State.COMPLETE


def test_what_is_not_seen_comes_with_what_mends_it() -> None:
    *parts, containers = preparation.report(Reading())
    for part, found in zip(PARTS, parts, strict=True):
        assert found == {"part": part.name, "seen": False, "remedy": part.remedy}
        assert part.remedy.endswith(".")
    assert containers["part"] == "Containers"
    assert "paste the one" in containers["remedy"]


@pytest.mark.parametrize(
    ("status", "way", "name", "is_seen"),
    [
        (AppsStatus.OK, "socket", "Containers", True),
        (AppsStatus.NO_CONTAINERS, "cli", "Containers", True),
        (AppsStatus.NO_DOCKER, "absent", "Containers: no Docker", False),
        (AppsStatus.NOT_ALLOWED, "denied", "Containers: not allowed", False),
        (AppsStatus.DAEMON_DOWN, "down", "Containers: daemon down", False),
        (AppsStatus.UNREADABLE, "stale", "Containers: not readable", False),
    ],
)
def test_whether_containers_can_be_listed_is_told_with_the_way(
    status: AppsStatus, way: str, name: str, is_seen: bool
) -> None:
    found = preparation.report(Reading(containers=Containers(status, {}, way=way)))[-1]
    assert found == {"part": name, "seen": is_seen, "remedy": app_access.explanation(way)}
    assert found["remedy"]


def test_a_scan_of_a_closed_port_says_what_to_do(server: Server, sshd: Sshd) -> None:
    sshd.stop()
    begun = scanned(server)
    assert (begun.state, begun.reason) == (State.FAILED, "refused")
    assert begun.explanation == f"Nothing listens at 127.0.0.1:{sshd.port}: check that sshd runs, and the port."
    assert kinds(server)[-1] == "failed"
    assert server.state.next_poll_at is None


def test_a_refused_sign_in_says_what_to_do(server: Server, sshd: Sshd, keys_folder: Path) -> None:
    sshd.authorize((keys_folder / "stranger.pub").read_text())
    begun = prepared(server)
    assert (begun.state, begun.reason) == (State.FAILED, "auth_failed")
    assert "check the user, and that the key is in its authorized_keys" in begun.explanation
    assert server.host_keys.exists()
    assert fleet.current(server).state.next_poll_at is None
    assert kinds(server) == ["server_added", "started", "host_key_accepted", "failed"]


def test_an_account_without_a_shell_says_what_to_do(server: Server, sshd: Sshd, keys_folder: Path) -> None:
    sshd.authorize('command="/bin/false" ' + (keys_folder / "id.pub").read_text())
    begun = prepared(server)
    assert (begun.state, begun.reason) == (State.FAILED, "command_failed")
    assert "the account needs a shell" in begun.explanation


def test_without_a_credential_nothing_is_tried(server: Server, sshd: Sshd) -> None:
    server.credential.delete()
    assert prepared(server).reason == "no_credential"
    assert sshd.logins() == 0


def test_the_pinned_key_needs_no_second_confirmation(server: Server, sshd: Sshd) -> None:
    prepared(server)
    again = scanned(server)
    assert again.state == State.COMPLETE
    assert sshd.logins() == 2
    assert kinds(server)[-2:] == ["started", "complete"]


def test_another_key_than_the_pinned_waits_and_nothing_is_sent(server: Server, sshd: Sshd) -> None:
    prepared(server)
    before = server.host_keys.get().key
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    again = scanned(server)
    assert again.state == State.CONFIRMING
    assert [key["fingerprint"] for key in again.host_keys] == [sshd.fingerprint]
    assert server.host_keys.get().key == before
    assert sshd.logins() == 1


def test_a_key_that_changes_after_its_confirmation_is_not_signed_in_to(server: Server, sshd: Sshd) -> None:
    begun = scanned(server)
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    preparation.confirm(begun, begun.host_keys[0]["fingerprint"], now())
    preparation.test(begun.pk, now())
    begun.refresh_from_db()
    assert (begun.state, begun.reason) == (State.FAILED, "host_key_changed")
    assert sshd.logins() == 0


def test_a_new_preparation_ends_the_one_before(server: Server) -> None:
    first = scanned(server)
    second = scanned(server)
    first.refresh_from_db()
    assert (first.state, first.explanation) == (State.FAILED, "A new preparation was started.")
    assert second.state == State.CONFIRMING


def test_what_is_over_is_not_done_again(server: Server, sshd: Sshd) -> None:
    begun = prepared(server)
    preparation.scan(begun.pk, now())
    preparation.test(begun.pk, now())
    preparation.scan(999, now())
    assert sshd.logins() == 1


def test_accepting_a_new_key_lets_an_offline_server_be_polled_again(server: Server, sshd: Sshd) -> None:
    prepared(server)
    sshd.stop()
    sshd.new_host_key()
    sshd.start()
    fleet.failed(server, now(), fleet.Reason.HOST_KEY_CHANGED)
    assert fleet.current(server).state.next_poll_at is None
    assert prepared(server).state == State.COMPLETE
    assert list(Server.objects.due(now())) == [server]


def test_of_several_keys_only_the_compared_one_is_pinned(server: Server, sshd: Sshd) -> None:
    sshd.options += ["-h", another_host_key(sshd, "ecdsa")]
    sshd.stop()
    sshd.start()
    begun = scanned(server)
    assert [key["type"] for key in begun.host_keys] == ["ssh-ed25519", "ecdsa-sha2-nistp256"]
    preparation.confirm(begun, begun.host_keys[1]["fingerprint"], now())
    assert [key.type for key in server.host_keys.all()] == ["ecdsa-sha2-nistp256"]
    preparation.test(begun.pk, now())
    begun.refresh_from_db()
    assert begun.state == "complete"


def test_a_key_that_came_besides_the_pinned_one_alarms_nobody(server: Server, sshd: Sshd) -> None:
    prepared(server)
    sshd.options += ["-h", another_host_key(sshd, "ecdsa")]
    sshd.stop()
    sshd.start()
    assert scanned(server).state == "complete"


def another_host_key(sshd: Sshd, kind: str) -> str:
    path = str(sshd.folder / f"another_{kind}")
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    return path


def test_a_preparation_that_breaks_off_is_ended_and_told(server: Server) -> None:
    begun = preparation.begin(server, now())
    with pytest.raises(ZeroDivisionError), tasks._ended_if_it_breaks(begun.pk):
        1 / 0  # noqa: B018
    begun.refresh_from_db()
    assert (begun.state, begun.reason) == ("failed", "crashed")
    assert ActivityLog.objects.newest_first()[0].activity_type == "preparation_failed"
