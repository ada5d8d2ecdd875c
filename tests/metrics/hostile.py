"""Misbehaving SSH servers, each on a loopback port of its own, in a process of their own.

`python -m tests.metrics.hostile` prints {"host_key": [type, base64], "ports": {case: port}} and serves until its
standard input ends. A case is a function over the bare socket (@raw) or a subclass of Good.
"""

import json
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import paramiko
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_CHANNEL_EXTENDED_DATA, cMSG_IGNORE

BANNER = b"SSH-2.0-OpenSSH_9.9\r\n"
BLOCK = b"x" * 30_000
REQUEST = re.compile(rb"^@ ([0-9]+) ([0-9a-f]+) \S+\n", re.MULTILINE)
HOST_KEY = paramiko.ECDSAKey.generate()

RAW: dict[str, Callable[[socket.socket], None]] = {}


def raw(serve: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    RAW[serve.__name__] = serve
    return serve


def hang() -> None:
    threading.Event().wait(120)


def packet(payload: bytes) -> bytes:
    """An SSH packet as it is before there are keys."""
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def message(kind: int, *parts: int | bytes) -> paramiko.Message:
    made = paramiko.Message()
    made.add_byte(bytes([kind]))
    for part in parts:
        if isinstance(part, int):
            made.add_int(part)
        else:
            made.add_string(part)
    return made


# Before there are keys ---------------------------------------------------------------------------


@raw
def silent(sock: socket.socket) -> None:
    hang()


@raw
def closes_at_once(sock: socket.socket) -> None:
    pass


@raw
def web_server(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


@raw
def endless_banner(sock: socket.socket) -> None:
    while True:
        sock.sendall(BLOCK)


@raw
def endless_lines_of_banner(sock: socket.socket) -> None:
    while True:
        sock.sendall(b"Authorized use only!\r\n" * 1000)


@raw
def dripped_banner(sock: socket.socket) -> None:
    for letter in b"SSH-2.0-" + b"x" * 100:
        sock.sendall(bytes([letter]))
        time.sleep(1)


@raw
def no_key_exchange(sock: socket.socket) -> None:
    sock.sendall(BANNER)
    hang()


@raw
def closes_in_key_exchange(sock: socket.socket) -> None:
    sock.sendall(BANNER)
    sock.recv(100)


@raw
def rubbish_for_key_exchange(sock: socket.socket) -> None:
    sock.sendall(BANNER + os.urandom(5000))
    hang()


@raw
def short_key_exchange(sock: socket.socket) -> None:
    sock.sendall(BANNER + packet(b"\x14abc"))
    hang()


@raw
def dripped_key_exchange(sock: socket.socket) -> None:
    sock.sendall(BANNER)
    for byte in packet(b"\x14" + bytes(1000)):
        sock.sendall(bytes([byte]))
        time.sleep(1)


@raw
def giant_packet_announced(sock: socket.socket) -> None:
    sock.sendall(BANNER + struct.pack(">I", 0x7FFFFFF8) + bytes(100))
    while True:
        sock.sendall(bytes(30_000))


@raw
def endless_packets_before_keys(sock: socket.socket) -> None:
    sock.sendall(BANNER)
    while True:
        sock.sendall(packet(cMSG_IGNORE + struct.pack(">I", len(BLOCK)) + BLOCK))


@raw
def weak_only(sock: socket.socket) -> None:
    weak = (b"diffie-hellman-group1-sha1", b"ssh-dss", b"3des-cbc", b"3des-cbc", b"hmac-md5", b"hmac-md5")
    lists = (*weak, b"none", b"none", b"", b"")
    listed = b"".join(struct.pack(">I", len(names)) + names for names in lists)
    sock.sendall(BANNER + packet(b"\x14" + bytes(16) + listed + bytes(5)))
    hang()


# With keys ---------------------------------------------------------------------------------------


class Good(paramiko.ServerInterface):
    """A server that lets anybody in and answers as the probe does; the others spoil one thing each."""

    answer = "@@{nonce} uptime\n100.00 100.00\n@@{nonce} loadavg\n0.50 0.40 0.30 1/99 1\n@@{nonce} end {number}\n"

    def __init__(self, transport: paramiko.Transport) -> None:
        self.transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._shell, args=(channel,), daemon=True).start()
        return True

    def _shell(self, channel: paramiko.Channel) -> None:
        time.sleep(0.1)  # the reply to the request goes first
        with suppress(EOFError, OSError, paramiko.SSHException):
            self.shell(channel)

    def shell(self, channel: paramiko.Channel) -> None:
        channel.sendall(b"tomo-probe 1\n")
        received = b""
        while chunk := channel.recv(65536):
            received += chunk
            while found := REQUEST.search(received):
                received = received[found.end() :]
                self.respond(channel, found[2].decode(), int(found[1]))

    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        channel.sendall(self.answer.format(nonce=nonce, number=number).encode())

    def push(self, channel: paramiko.Channel, data: bytes, *, to_stderr: bool = False) -> None:
        """Send without heed of the window."""
        if to_stderr:
            self.transport._send_message(message(cMSG_CHANNEL_EXTENDED_DATA[0], channel.remote_chanid, 1, data))
        else:
            self.transport._send_message(message(cMSG_CHANNEL_DATA[0], channel.remote_chanid, data))


class SignInUnanswered(Good):
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        hang()
        return paramiko.AUTH_FAILED


class SignInRefused(Good):
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_FAILED


class SecondFactorWanted(Good):
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL


class UnknownMessageAtSignIn(Good):
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.transport._send_message(message(200))
        hang()
        return paramiko.AUTH_FAILED


class SessionRefused(Good):
    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class SessionUnanswered(Good):
    def check_channel_request(self, kind: str, chanid: int) -> int:
        hang()
        return paramiko.OPEN_SUCCEEDED


class CommandUnanswered(Good):
    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        hang()
        return False


class CommandRefused(Good):
    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return False


class NotAShell(Good):
    def shell(self, channel: paramiko.Channel) -> None:
        channel.sendall(b"This account is currently not available.\n")
        channel.close()


class NeverReady(Good):
    def shell(self, channel: paramiko.Channel) -> None:
        hang()


class NoisyBeforeReady(Good):
    def shell(self, channel: paramiko.Channel) -> None:
        channel.sendall(b"Welcome!\n\x1b[31mtomo-probe 1 is coming\x1b[0m\n" * 100)
        super().shell(channel)


class EndlessBeforeReady(Good):
    def shell(self, channel: paramiko.Channel) -> None:
        while True:
            channel.sendall(b"Welcome!\n" * 1000)


class DrippedBeforeReady(Good):
    def shell(self, channel: paramiko.Channel) -> None:
        while True:
            channel.sendall(b".")
            time.sleep(1)


class NeverAnswers(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        pass


class EndlessAnswer(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        channel.sendall(f"@@{nonce} stat\n".encode())
        while True:
            channel.sendall(BLOCK)


class EndlessAnswerBeyondWindow(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        while True:
            self.push(channel, BLOCK)


class EndlessErrorsBeyondWindow(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        while True:
            self.push(channel, BLOCK, to_stderr=True)


class ErrorsBesideEachAnswer(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        for _ in range(100):
            self.push(channel, BLOCK, to_stderr=True)
        super().respond(channel, nonce, number)


class DrippedAnswer(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        for letter in self.answer.format(nonce=nonce, number=number):
            channel.sendall(letter.encode())
            time.sleep(1)


class HalfAnswerThenReset(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        channel.sendall(self.answer.format(nonce=nonce, number=number)[:40].encode())
        time.sleep(0.2)
        self.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.sock.close()


class HalfAnswerThenEnd(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        channel.sendall(self.answer.format(nonce=nonce, number=number)[:40].encode())
        channel.close()


class AnswerToAnother(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        super().respond(channel, "00c0ffee00c0ffee", number)


class PartsOfAnother(Good):
    answer = "@@00c0ffee00c0ffee uptime\n1.00 1.00\n@@{nonce} end {number}\n"


class PartTwice(Good):
    answer = "@@{nonce} uptime\n1.00 1.00\n@@{nonce} uptime\n2.00 2.00\n@@{nonce} end {number}\n"


class GiantPacket(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        self.push(channel, bytes(8 << 20))
        hang()


class UnknownMessageAsAnswer(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        self.transport._send_message(message(200))
        hang()


class FloodsBetweenPolls(Good):
    def respond(self, channel: paramiko.Channel, nonce: str, number: int) -> None:
        super().respond(channel, nonce, number)
        time.sleep(0.2)
        while True:
            self.push(channel, BLOCK)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


GOOD = {snake(kind.__name__): kind for kind in (Good, *Good.__subclasses__())}


def _over_ssh(kind: type[Good]) -> Callable[[socket.socket], None]:
    def serve(sock: socket.socket) -> None:
        transport = paramiko.Transport(sock)
        transport.add_server_key(HOST_KEY)
        transport.start_server(server=kind(transport))
        while transport.is_alive():
            transport.join(1)

    return serve


def _listen(serve: Callable[[socket.socket], None]) -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=50)

    def one(sock: socket.socket) -> None:
        with sock, suppress(EOFError, OSError, paramiko.SSHException):
            serve(sock)

    def accept() -> None:
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def main() -> None:
    paramiko.util.logging.getLogger("paramiko").setLevel("CRITICAL")
    full = socket.create_server(("127.0.0.1", 0), backlog=0)  # its queue is full, so that packets are dropped
    waiting = [socket.socket() for _ in range(4)]
    for sock in waiting:
        sock.setblocking(False)
        sock.connect_ex(full.getsockname())
    ports = {name: _listen(serve) for name, serve in RAW.items()}
    ports |= {name: _listen(_over_ssh(kind)) for name, kind in GOOD.items()}
    ports["full_queue"] = full.getsockname()[1]
    print(json.dumps({"host_key": [HOST_KEY.get_name(), HOST_KEY.get_base64()], "ports": ports}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
