"""Real OpenSSH servers: signing in, proving the host key, and what is told when something goes wrong."""

import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from metrics import authorized_keys, keys, servers, ssh, store
from metrics.collect import Collected, collect, connect_and_collect
from metrics.connections import target
from metrics.failures import Failure, Reason
from metrics.models import Server
from metrics.probe.deltas import Counters
from metrics.probe.protocol import request
from metrics.servers import Secret
from metrics.ssh import SSHConnection, Target
from metrics.store import Polled
from tests.conftest import AT
from tests.metrics.fleet import INTERVAL, a_poller, host_key, key_secret, latest, poll_round, state, told, watched
from tests.metrics.leftovers import nothing_left_over
from tests.sshd import Sshd

SIGN_IN = re.compile("Accepted|Failed|authenticating user|invalid user", re.IGNORECASE)
PASSWORD = "pässword with spaces & 'quotes'"


@pytest.fixture
def to(sshd: Sshd, keys_folder: Path) -> Target:
    shown = host_key(sshd)
    key = (keys_folder / "id").read_text()
    return Target("127.0.0.1", sshd.port, sshd.user, {shown["type"]: shown["key"]}, key)


@pytest.fixture(scope="session")
def account() -> Iterator[str]:
    """A system user that signs in with PASSWORD."""
    name = f"tomo-{os.getpid()}"
    subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", name], check=True)
    subprocess.run(["chpasswd"], input=f"{name}:{PASSWORD}", text=True, check=True)
    yield name
    subprocess.run(["userdel", name], check=True)


def log(sshd: Sshd) -> str:
    return (sshd.folder / "log").read_text()


def read(to: Target) -> Collected:
    connection, collected = connect_and_collect(to, Counters())
    connection.close()
    return collected


def reason(to: Target) -> Reason:
    """Why it cannot be read; nothing may be left over."""
    with nothing_left_over(), pytest.raises(Failure) as failed:
        read(to)
    return failed.value.reason


def openssh(sshd: Sshd, keys_folder: Path, *command: str, options: tuple[str, ...] = (), text: str = "") -> str:
    """What OpenSSH's own client is answered with the same key."""
    ssh_options = ("-F/dev/null", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oBatchMode=yes")
    address = (f"-i{keys_folder / 'id'}", f"-p{sshd.port}", f"{sshd.user}@127.0.0.1")
    done = subprocess.run(
        ["ssh", *ssh_options, *options, *address, *command], input=text, capture_output=True, text=True, timeout=30
    )
    return done.stdout


# Signing in --------------------------------------------------------------------------------------


def test_a_key_signs_in_and_the_machine_is_read(to: Target) -> None:
    with nothing_left_over():
        collected = read(to)
    assert collected.reading.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.mark.parametrize("kind", [("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "521")])
def test_keys_of_other_kinds_sign_in(sshd: Sshd, to: Target, tmp_path: Path, kind: tuple[str, str]) -> None:
    path = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", kind[0], "-b", kind[1], "-N", "", "-f", path], check=True)
    sshd.authorize(path.with_suffix(".pub").read_text())
    private, _ = keys.parse(path.read_text())
    assert read(replace(to, private_key=private)).reading.load


def test_a_password_signs_in(sshd: Sshd, to: Target, account: str) -> None:
    with nothing_left_over():
        collected = read(replace(to, username=account, private_key="", password=PASSWORD))
    assert collected.reading.load
    assert f"Accepted password for {account}" in log(sshd)


def test_a_wrong_password_is_refused(to: Target, account: str) -> None:
    assert reason(replace(to, username=account, private_key="", password="wrong")) == Reason.AUTH_FAILED


def test_a_key_that_is_not_let_in_is_refused(sshd: Sshd, to: Target, keys_folder: Path) -> None:
    assert reason(replace(to, private_key=(keys_folder / "stranger").read_text())) == Reason.AUTH_FAILED
    assert SIGN_IN.search(log(sshd))


def test_a_password_is_not_offered_where_only_keys_are_taken(sshd: Sshd, to: Target, account: str) -> None:
    sshd.stop()
    sshd.options = ["-o", "PasswordAuthentication=no", "-o", "KbdInteractiveAuthentication=no"]
    sshd.start()
    with pytest.raises(Failure, match="the server takes only: publickey"):
        read(replace(to, username=account, private_key="", password=PASSWORD))


def test_a_second_factor_is_a_refusal(sshd: Sshd, to: Target) -> None:
    sshd.stop()
    sshd.options = ["-o", "AuthenticationMethods=publickey,password"]
    sshd.start()
    with pytest.raises(Failure, match="second factor") as failed:
        read(to)
    assert failed.value.reason == Reason.AUTH_FAILED


def test_without_a_credential_nobody_signs_in(sshd: Sshd, to: Target) -> None:
    assert reason(replace(to, private_key="")) == Reason.NO_CREDENTIAL
    assert sshd.logins() == 0


def test_many_polls_need_one_sign_in(sshd: Sshd, to: Target) -> None:
    with nothing_left_over():
        connection = SSHConnection(to)
        boot_ids = {collect(connection.probe, Counters()).reading.boot_id for _ in range(50)}
        connection.close()
    assert len(boot_ids) == 1
    assert sshd.logins() == 1


def test_the_bytes_of_a_connection_are_those_that_the_kernel_counts(to: Target) -> None:
    with closing(SSHConnection(to)) as connection:
        for _ in range(5):
            collected = collect(connection.probe, Counters())
        assert (collected.polls, collected.moved_bytes) == (5, kernel_bytes(connection._socket))


def kernel_bytes(sock: socket.socket) -> int:
    """What a TCP connection sent and received: tcpi_bytes_acked counts its SYN, too."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
    acknowledged, received = struct.unpack_from("QQ", info, 120)
    return int(acknowledged - 1 + received)


def test_the_cpu_of_its_ssh_session_is_seen(to: Target) -> None:
    with closing(SSHConnection(to)) as connection:
        session = re.search(r"^@@\w+ session\n\d+ \d+$", connection.probe(request(1)), re.MULTILINE)
    assert session


# What authorized_keys allows -----------------------------------------------------------------------


@pytest.mark.parametrize("cipher", ["aes128-gcm@openssh.com", "aes256-ctr"])
def test_a_connection_outlasts_new_session_keys(sshd: Sshd, to: Target, cipher: str) -> None:
    sshd.stop()
    sshd.options = ["-o", f"Ciphers={cipher}", "-o", "RekeyLimit=16K"]
    sshd.start()
    with closing(SSHConnection(to)) as connection:
        boot_ids = {collect(connection.probe, Counters()).reading.boot_id for _ in range(20)}
        assert connection._transport
        assert connection._transport.session_id != connection._transport.H  # of the newest and of the first exchange
    assert len(boot_ids) == 1


def test_the_restricted_line_lets_the_probe_run(sshd: Sshd, to: Target, keys_folder: Path) -> None:
    sshd.authorize(authorized_keys.restricted((keys_folder / "id.pub").read_text()))
    reading = read(to).reading
    assert reading.load
    assert reading.filesystems


@pytest.mark.parametrize("text", ["", "id\n", "@ 1 $(id) -\n", "@ 1 ;id -\n", "@ $(id) 00 -\n", "}; id\n"])
def test_the_restricted_line_lets_nothing_else_run(sshd: Sshd, keys_folder: Path, text: str) -> None:
    sshd.authorize(authorized_keys.restricted((keys_folder / "id.pub").read_text()))
    assert openssh(sshd, keys_folder, "id", text=text) == "tomo-probe 1\n"


def test_the_restricted_line_lets_nobody_forward(sshd: Sshd, keys_folder: Path) -> None:
    sshd.authorize(authorized_keys.restricted((keys_folder / "id.pub").read_text()))
    assert "SSH-2.0" not in openssh(sshd, keys_folder, options=(f"-W127.0.0.1:{sshd.port}",))


def test_the_simple_line_gives_a_shell_and_no_forwarding(sshd: Sshd, to: Target, keys_folder: Path) -> None:
    sshd.authorize(authorized_keys.simple((keys_folder / "id.pub").read_text()))
    assert read(to).reading.load
    assert "uid=" in openssh(sshd, keys_folder, "id")
    assert "SSH-2.0" not in openssh(sshd, keys_folder, options=(f"-W127.0.0.1:{sshd.port}",))


def test_an_unrestricted_key_would_forward(sshd: Sshd, keys_folder: Path) -> None:
    assert "SSH-2.0" in openssh(sshd, keys_folder, options=(f"-W127.0.0.1:{sshd.port}",))


def test_another_forced_command_does_not_start_the_probe(sshd: Sshd, to: Target, keys_folder: Path) -> None:
    sshd.authorize(f'command="echo no" {(keys_folder / "id.pub").read_text()}')
    assert reason(to) == Reason.COMMAND_FAILED


# Host keys -------------------------------------------------------------------------------------------


def test_a_scan_shows_the_host_key_without_signing_in(sshd: Sshd) -> None:
    with nothing_left_over():
        [key] = ssh.scan_host_keys("127.0.0.1", sshd.port).values()
    assert keys.fingerprint(key) == sshd.fingerprint
    assert "Connection from" in log(sshd)
    assert not SIGN_IN.search(log(sshd))


@pytest.fixture
def three_keys(sshd: Sshd) -> dict[str, str]:
    """The server with an RSA and an ECDSA host key beside its ed25519 one: raw keys by type."""
    sshd.stop()
    shown = [host_key(sshd)]
    for kind in ("rsa", "ecdsa"):
        path = sshd.folder / f"other_{kind}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
        sshd.options += ["-h", str(path)]
        key_type, key, *_ = path.with_suffix(".pub").read_text().split()
        shown.append({"type": key_type, "key": key})
    sshd.start()
    return {key["type"]: key["key"] for key in shown}


def test_a_scan_shows_the_host_key_of_each_type(sshd: Sshd, three_keys: dict[str, str]) -> None:
    assert ssh.scan_host_keys("127.0.0.1", sshd.port) == three_keys
    assert set(three_keys) == {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"}


@pytest.mark.parametrize("key_type", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_one_confirmed_host_key_of_several_is_enough(to: Target, three_keys: dict[str, str], key_type: str) -> None:
    assert read(replace(to, host_keys={key_type: three_keys[key_type]})).reading.load


def test_nothing_is_sent_to_a_server_with_another_host_key(sshd: Sshd, to: Target, keys_folder: Path) -> None:
    key_type, key, *_ = (keys_folder / "stranger.pub").read_text().split()
    assert reason(replace(to, host_keys={key_type: key})) == Reason.HOST_KEY_CHANGED
    assert "Connection from" in log(sshd)
    assert not SIGN_IN.search(log(sshd))


@pytest.fixture
def server(transactional_db: None, sshd: Sshd, keys_folder: Path) -> Server:
    return watched(sshd, key_secret(keys_folder / "id"))


@pytest.fixture
def with_another_key(server: Server, sshd: Sshd) -> Server:
    """A server that was polled once and then came up with another host key."""
    with a_poller() as poller:
        poll_round(poller, AT)
        sshd.stop()
        sshd.new_host_key()
        (sshd.folder / "log").unlink()
        sshd.start()
        poll_round(poller, AT + INTERVAL)
    return server


def test_a_changed_host_key_stops_the_polling_and_is_told(with_another_key: Server, sshd: Sshd) -> None:
    now = state(with_another_key)
    assert (now.status, now.reason, now.next_poll_at) == ("offline", "host_key_changed", None)
    assert sshd.fingerprint in now.explanation
    assert told(with_another_key)[-2:] == ["server_disconnected", "host_key_changed"]
    assert not SIGN_IN.search(log(sshd))


def test_a_changed_host_key_is_not_tried_again(with_another_key: Server, sshd: Sshd) -> None:
    before = log(sshd)
    assert not servers.poll_soon(with_another_key, AT)
    with a_poller() as poller:
        poller.renew(AT)
        poller.tick(AT + timedelta(days=365))
    assert log(sshd) == before


def test_a_newly_accepted_host_key_lets_the_polling_go_on(with_another_key: Server, sshd: Sshd) -> None:
    with_another_key.refresh_from_db()
    servers.accept_host_keys(with_another_key, [host_key(sshd)], AT + 4 * INTERVAL)
    with a_poller() as poller:  # which waits until the lease of the one before has run out
        poll_round(poller, AT + 4 * INTERVAL)
    assert state(with_another_key).status == "online"
    assert told(with_another_key)[-2:] == ["host_key_accepted", "server_connected"]


# What goes wrong ---------------------------------------------------------------------------------------


def test_where_nothing_listens_it_is_refused(to: Target, free_port: int) -> None:
    assert reason(replace(to, port=free_port)) == Reason.REFUSED


def test_a_name_that_is_none_is_said_so(to: Target) -> None:
    assert reason(replace(to, hostname="x" * 64)) == Reason.DNS


def test_an_address_that_is_never_dialled_is_said_so(to: Target) -> None:
    assert reason(replace(to, hostname="169.254.169.254")) == Reason.ADDRESS_REFUSED


def test_an_account_without_a_shell_is_said_so(sshd: Sshd, to: Target, account: str) -> None:
    subprocess.run(["usermod", "--shell", "/usr/sbin/nologin", account], check=True)
    try:
        assert reason(replace(to, username=account, private_key="", password=PASSWORD)) == Reason.COMMAND_FAILED
    finally:
        subprocess.run(["usermod", "--shell", "/bin/sh", account], check=True)


@pytest.mark.slow
def test_a_frozen_server_is_too_slow_and_then_times_out(sshd: Sshd, to: Target) -> None:
    connection = SSHConnection(to)
    started = time.monotonic()
    sshd.freeze()
    try:
        with pytest.raises(Failure) as failed:
            collect(connection.probe, Counters())
        assert failed.value.reason == Reason.TOO_SLOW
        assert time.monotonic() - started < 15
        assert reason(to) == Reason.TIMEOUT
        assert time.monotonic() - started < 35
    finally:
        connection.close()
        sshd.thaw()


def test_a_restart_between_two_polls_costs_none(server: Server, sshd: Sshd) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
        sshd.stop()
        sshd.start()
        poll_round(poller, AT + INTERVAL)
    assert sshd.logins() == 2
    assert state(server).failures == 0
    assert told(server)[-1] == "server_connected"
    assert "server_disconnected" not in told(server)
    assert latest(server).cpu_percent is not None


def test_a_stopped_server_is_lost_once_and_comes_back_by_itself(server: Server, sshd: Sshd) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
        sshd.stop()
        for number in range(1, 4):
            poll_round(poller, AT + number * INTERVAL)
        lost = state(server)
        sshd.start()
        poll_round(poller, AT + 4 * INTERVAL)
    assert (lost.status, lost.reason, lost.failures, lost.since) == ("offline", "refused", 3, AT + INTERVAL)
    assert "check that sshd runs" in lost.explanation
    assert told(server)[-3:] == ["server_connected", "server_disconnected", "server_connected"]
    assert state(server).status == "online"


def test_a_rebooted_server_is_told_and_its_sample_has_no_rates(server: Server) -> None:
    with a_poller() as poller:
        poll_round(poller, AT)
        now = state(server)
        now.counters = now.counters.replace(now.boot_id, "11111111-2222-3333-4444-555555555555")
        now.boot_id = "11111111-2222-3333-4444-555555555555"
        now.save()
    with a_poller() as poller:  # which knows no more than is stored, and has to wait for the lease
        poll_round(poller, AT + 3 * INTERVAL)
    figures = latest(server)
    assert told(server)[-1] == "server_rebooted"
    assert figures.memory_used_bytes
    assert (figures.cpu_percent, figures.network_rx_bytes_per_second, figures.measured_seconds) == (None, None, None)


def test_a_refused_key_is_tried_three_times_and_then_every_five_minutes(
    transactional_db: None, sshd: Sshd, keys_folder: Path
) -> None:
    server = watched(sshd, key_secret(keys_folder / "stranger"))
    tried = [at for at in _every_ten_seconds(timedelta(minutes=20)) if _poll_if_due(at)]
    assert len(tried) >= 5
    assert all(later - earlier >= timedelta(minutes=5) for earlier, later in pairwise(tried[2:]))
    assert log(sshd).count("Connection from") - 1 == len(tried)  # one was the look whether it is up
    assert state(server).reason == "auth_failed"
    assert told(server).count("server_disconnected") == 1


def test_a_mended_key_is_tried_at_once(transactional_db: None, sshd: Sshd, keys_folder: Path) -> None:
    server = watched(sshd, key_secret(keys_folder / "stranger"))
    for number in range(4):
        assert _poll_if_due(AT + number * timedelta(minutes=10))
    later = AT + timedelta(minutes=31)
    servers.change(Server.objects.get(pk=server.pk), key_secret(keys_folder / "id"), None, later)
    assert _poll_if_due(later)
    assert state(server).status == "online"


def test_a_password_is_kept_sealed_and_signs_in(transactional_db: None, sshd: Sshd, account: str) -> None:
    sshd.user = account
    server = watched(sshd, Secret.from_password(PASSWORD))
    assert _poll_if_due(AT)
    assert state(server).status == "online"
    assert PASSWORD not in Server.objects.get(pk=server.pk).credential.sealed


def _every_ten_seconds(length: timedelta) -> list[datetime]:
    return [AT + number * INTERVAL for number in range(length // INTERVAL)]


def _poll_if_due(at: datetime) -> bool:
    """A poll of each server that is due, over a new connection; whether there was one."""
    due = list(Server.objects.monitored().due(at).select_related("state"))
    for server in due:
        try:
            outcome: Collected | Failure = read(target(server))
        except Failure as failure:
            outcome = failure
        store.save([Polled(server, at, outcome)], INTERVAL)
    return bool(due)
