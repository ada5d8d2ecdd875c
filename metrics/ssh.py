"""The SSH client: paramiko with bounds. The only importer of paramiko."""

import io
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    SSHException,
)

from metrics.dial import cut_off, dial
from metrics.failures import Failure, Reason
from metrics.resident import ResidentProbe

CONNECT_SECONDS = 15.0  # over key exchange, sign-in and starting the probe
CLOSE_SECONDS = 2.0
MOST_BANNER_BYTES = 16 * 1024
MOST_PACKET_BYTES = 256 * 1024
MOST_BYTES_BEFORE_READ = 4 * 1024 * 1024
WINDOW_BYTES = 1 << 20
CHUNK = 65536
AHEAD = 8192  # kept by each connection while it waits; most answers fit

HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512")
DISABLED = {
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"],
    "keys": ["ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com"],
    "pubkeys": ["ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com"],
    "kex": [
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
        "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==",
        "gss-group14-sha1-toWM5Slw5Ew8Mqkay+al2g==",
        "gss-group1-sha1-toWM5Slw5Ew8Mqkay+al2g==",
    ],
}


@dataclass(frozen=True)
class Target:
    """Where to dial and as whom, with what must be shown and what is given. `host_keys`: raw key by type."""

    hostname: str
    port: int
    username: str
    host_keys: dict[str, str]
    private_key: str = ""
    password: str = ""

    @property
    def where(self) -> str:
        return f"[{self.hostname}]:{self.port}" if ":" in self.hostname else f"{self.hostname}:{self.port}"


class ReadAhead:
    """A socket that is read in large pieces: paramiko asks for the head of each packet and for its rest."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._ahead = b""
        self.send, self.close = sock.send, sock.close

    def recv(self, most: int) -> bytes:
        self._ahead = self._ahead or self._socket.recv(AHEAD)
        taken, self._ahead = self._ahead[:most], self._ahead[most:]
        return taken


class BoundedPacketizer(paramiko.packet.Packetizer):
    """Paramiko enforces neither a packet size nor its own window: a hostile server could fill the memory.

    `unread` counts what came since somebody last asked for something; `read_bytes` and `written_bytes`, one for each
    thread, all that went over the connection, key exchange and encryption included.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(ReadAhead(sock))  # type: ignore[arg-type]  # all that is ever asked of it
        self.unread = self.read_bytes = self.written_bytes = 0

    def start_handshake(self, timeout: float) -> None:
        """Nothing: paramiko would leave a timer thread behind at each failure, and cut_off() keeps the time."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        self.unread += n
        if n > MOST_PACKET_BYTES or n < 0 or self.unread > MOST_BYTES_BEFORE_READ:
            raise SSHException("too much data")
        read = super().read_all(n, check_rekey)
        self.read_bytes += n
        return read

    def readline(self, timeout: float) -> str:
        line = super().readline(timeout)
        self.read_bytes += len(f"{line}\r\n")
        return line

    def write_all(self, out: Any) -> None:
        super().write_all(out)
        self.written_bytes += len(out)

    def _read_timeout(self, timeout: float) -> bytes:
        chunk: bytes = super()._read_timeout(timeout)  # type: ignore[misc]
        self.unread += len(chunk)
        if self.unread > MOST_BANNER_BYTES:
            raise SSHException("too long a banner")
        return chunk


class BoundedTransport(paramiko.Transport):
    # Paramiko's own 0.1 s wakes each idle connection ten times a second; deadlines are kept by cut_off().
    _active_check_timeout = 120.0
    # GCM first: with the others, paramiko compares each packet's checksum byte by byte, in Python.
    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")


class SSHChannel:
    """A Channel over a paramiko session."""

    def __init__(self, channel: paramiko.Channel, packetizer: BoundedPacketizer) -> None:
        self._channel = channel
        self._packetizer = packetizer

    def send(self, data: bytes, seconds: float) -> None:
        self._packetizer.unread = 0
        self._channel.settimeout(max(seconds, 0.001))
        try:
            self._channel.sendall(data)
        except (EOFError, SSHException) as wrong:  # paramiko's word for a socket that broke in mid-packet
            raise ConnectionError(_said(wrong)) from None

    def receive(self, seconds: float) -> bytes:
        if seconds <= 0:
            raise TimeoutError
        self._channel.settimeout(seconds)
        chunk: bytes = self._channel.recv(CHUNK)
        while self._channel.recv_stderr_ready():  # else it would pile up, poll by poll
            self._channel.recv_stderr(CHUNK)
        self._packetizer.unread = 0
        return chunk

    @property
    def moved_bytes(self) -> int:
        return self._packetizer.read_bytes + self._packetizer.written_bytes

    def close(self) -> None:
        self._channel.close()


class SSHConnection:
    """A signed-in connection with a resident probe on it. Close it when done, whatever happened."""

    def __init__(self, target: Target) -> None:
        """Dial, prove the host key, sign in, start the probe. Raises Failure and leaves nothing behind."""
        self.opened_at = time.monotonic()
        self.logins = 0
        self._where = target.where
        self._socket = dial(target.hostname, target.port, target.where)
        self._transport: BoundedTransport | None = None
        try:
            with cut_off(self._socket, CONNECT_SECONDS) as cut, _failures(target.where, cut):
                self._transport = _agreed(self._socket, tuple(target.host_keys), target.where)
                _prove_host_key(self._transport, target)
                _sign_in(self._transport, target)
                self.logins = 1
                self.probe = ResidentProbe(self._start_shell(), target.where)
        except BaseException as wrong:
            self.close()
            if isinstance(wrong, Failure):
                wrong.logins = self.logins
            raise

    def _start_shell(self) -> SSHChannel:
        assert self._transport
        try:
            channel = self._transport.open_session(window_size=WINDOW_BYTES, timeout=CONNECT_SECONDS)
            channel.exec_command("exec sh")
        except SSHException as wrong:
            raise Failure(Reason.COMMAND_FAILED, self._where, _said(wrong)) from None
        packetizer = self._transport.packetizer
        assert isinstance(packetizer, BoundedPacketizer)
        return SSHChannel(channel, packetizer)

    def close(self) -> None:
        """Leave no thread and no descriptor: the socket goes first, which wakes paramiko's reader."""
        _close(self._socket, self._transport)


def scan_host_keys(hostname: str, port: int) -> dict[str, str]:
    """The raw host keys a server shows, base64 by type, without signing in. Raises Failure if it shows none."""
    where = Target(hostname, port, "", {}).where
    found: dict[str, str] = {}
    for key_type in HOST_KEY_TYPES:
        try:
            shown, key = _shown_host_key(hostname, port, where, key_type)
        except Failure as failure:
            if failure.reason is not Reason.HOST_KEY_CHANGED:
                raise
        else:
            found[shown] = key
    if not found:
        raise Failure(Reason.NO_AGREEMENT, where)
    return found


def _shown_host_key(hostname: str, port: int, where: str, key_type: str) -> tuple[str, str]:
    sock = dial(hostname, port, where)
    transport = None
    try:
        with cut_off(sock, CONNECT_SECONDS) as cut, _failures(where, cut):
            transport = _agreed(sock, (key_type,), where)
            key = transport.get_remote_server_key()
            return key.get_name(), key.get_base64()
    finally:
        _close(sock, transport)


@contextmanager
def _failures(where: str, was_cut_off: Callable[[], bool]) -> Iterator[None]:
    """Every error of paramiko and the socket as a Failure: its thread hands on whatever a hostile packet made it
    stumble over."""
    try:
        yield
    except Failure as failure:
        if was_cut_off():
            raise Failure(Reason.TIMEOUT, where) from None
        raise failure from None
    except Exception as wrong:  # noqa: BLE001  # the rim of paramiko
        reason = Reason.TIMEOUT if was_cut_off() else Reason.DISCONNECTED
        raise Failure(reason, where, _said(wrong)) from None


def _agreed(sock: socket.socket, key_types: tuple[str, ...], where: str) -> BoundedTransport:
    """A transport after the key exchange, restricted to these host key types. Raises Failure."""
    transport = BoundedTransport(
        sock, disabled_algorithms=DISABLED, strict_kex=True, packetizer_class=BoundedPacketizer
    )
    transport.set_log_channel("paramiko")
    transport.banner_timeout = 2 * CONNECT_SECONDS
    transport.get_security_options().key_types = [
        name for name in transport.get_security_options().key_types if name in _algorithms(key_types)
    ]
    try:
        transport.start_client()  # without paramiko's limit, which would race cut_off()
    except Exception as wrong:  # noqa: BLE001  # the rim of paramiko
        has_banner = transport.remote_version.startswith("SSH-")
        _close(sock, transport)
        if isinstance(wrong, IncompatiblePeer):
            if "host key" not in str(wrong):
                raise Failure(Reason.NO_AGREEMENT, where) from None
            raise Failure(Reason.HOST_KEY_CHANGED, where, f"it has no key of type {' or '.join(key_types)}") from None
        raise Failure(Reason.DISCONNECTED if has_banner else Reason.NO_BANNER, where) from None
    return transport


def _algorithms(key_types: tuple[str, ...]) -> set[str]:
    """The signature algorithms of these key types: an RSA key signs in two ways."""
    rsa = {"rsa-sha2-512", "rsa-sha2-256"}
    return {name for key_type in key_types for name in (rsa if key_type in rsa | {"ssh-rsa"} else {key_type})}


def _prove_host_key(transport: paramiko.Transport, target: Target) -> None:
    """Before anything of ours goes out. Raises Failure(HOST_KEY_CHANGED)."""
    shown = transport.get_remote_server_key()
    if target.host_keys.get(shown.get_name()) != shown.get_base64():
        raise Failure(Reason.HOST_KEY_CHANGED, target.where, f"it shows {shown.fingerprint}")


def _sign_in(transport: paramiko.Transport, target: Target) -> None:
    """With the one credential there is; a partial success is a failure. Raises Failure."""
    transport.auth_timeout = CONNECT_SECONDS
    try:
        if target.private_key:
            left = transport.auth_publickey(target.username, private_key(target.private_key))
        elif target.password:
            left = transport.auth_password(target.username, target.password, fallback=True)
        else:
            raise Failure(Reason.NO_CREDENTIAL, target.where)
    except BadAuthenticationType as wrong:
        methods = ", ".join(wrong.allowed_types)
        raise Failure(Reason.AUTH_FAILED, target.where, f"the server takes only: {methods}"[:120]) from None
    except AuthenticationException:
        raise Failure(Reason.AUTH_FAILED, target.where) from None
    if left or not transport.is_authenticated():
        raise Failure(Reason.AUTH_FAILED, target.where, "the server asks for a second factor")


def config_entries(text: str) -> list[dict[str, str]]:
    """The hosts of an ssh_config file that are named without a pattern, each with what ssh would use for it.

    Keys are ssh_config's own in lower case; `identityfile` is the first one. Raises ValueError for a file that
    paramiko does not understand, and for `Match exec` and `Include`, which would run or read something else.
    """
    if refused := re.search(r"^\s*(include\b|match\b.*\bexec\b)", text, re.IGNORECASE | re.MULTILINE):
        raise ValueError(f"{refused[1].split()[0]} is not followed: write the servers into this file")
    try:
        config = paramiko.SSHConfig.from_text(text)
        found = {name: config.lookup(name) for name in _named_hosts(text)}
    except (SSHException, LookupError, ValueError) as wrong:
        raise ValueError(_said(wrong)) from None
    return [
        {"name": name, **{key: value[0] if isinstance(value, list) else str(value) for key, value in entry.items()}}
        for name, entry in found.items()
    ]


def _named_hosts(text: str) -> list[str]:
    """Every host of a Host line that is no pattern. (Paramiko's own list does not get past a Match.)"""
    lines = re.findall(r"^\s*host(?:\s*=\s*|\s+)(.+)$", text, re.IGNORECASE | re.MULTILINE)
    return [name.strip('"') for line in lines for name in line.split() if not set(name) & set("*?!")]


def private_key(text: str) -> paramiko.PKey:
    """Paramiko's form of a key in OpenSSH's format."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text))
    raise ValueError("not a private key that paramiko reads")


def _close(sock: socket.socket, transport: paramiko.Transport | None) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    if transport:
        with suppress(EOFError, OSError, SSHException):
            transport.close()
        if transport.is_alive():
            transport.join(CLOSE_SECONDS)
    sock.close()


def _said(wrong: BaseException) -> str:
    """What an error says, as one short printable line: a server may have had a hand in it."""
    return "".join(letter for letter in str(wrong) if letter.isprintable())[:120]
