"""Preparing a server: scan its host key, have it confirmed, sign in, read everything once, report what is seen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activity.record import record
from activity.types import ActivityType, Result
from metrics import app_access, keys, servers, ssh
from metrics.collect import collect
from metrics.connections import open_connection, way
from metrics.failures import Failure
from metrics.models import Preparation, Server
from metrics.probe.deltas import Counters
from metrics.probe.reading import Reading

State = Preparation.State


@dataclass(frozen=True)
class Part:
    """A part of a reading: how to tell whether it was seen, and what mends it if not."""

    name: str
    is_seen: Callable[[Reading], object]
    remedy: str


PARTS = (
    Part("CPU and cores", lambda r: r.cpu, "Mount /proc, with hidepid at most 1 for /proc/stat."),
    Part("Memory", lambda r: r.memory, "Make /proc/meminfo readable."),
    Part("Swap", lambda r: r.swap, "This machine has no swap: there is nothing to mend."),
    Part("Filesystems", lambda r: r.filesystems, "Install coreutils, for stat -f."),
    Part(
        "Filesystems that answer in time",
        lambda r: r.filesystems and all(one.total_bytes is not None for one in r.filesystems),
        "A mount hangs: check the server of the network filesystem.",
    ),
    Part("Disk I/O", lambda r: r.disks, "Make /proc/diskstats readable; some containers hide it."),
    Part("Network", lambda r: r.interfaces, "Make /proc/net/dev readable."),
    Part("Load and uptime", lambda r: r.load and r.uptime_seconds, "Make /proc/loadavg and /proc/uptime readable."),
    Part("Reboots", lambda r: r.boot_id, "Make /proc/sys/kernel/random/boot_id readable."),
    Part("Temperatures", lambda r: r.temperatures, "Load the sensor's kernel module; virtual machines have none."),
    Part("Pressure", lambda r: r.pressure, "Linux 4.20 or newer with psi=1 on the kernel's command line."),
    Part("Operating system", lambda r: r.facts and r.facts.os, "Provide /etc/os-release."),
)


OLD_PROBE = "The line in authorized_keys holds an older probe: paste the one that is shown above."


def begin(server: Server, at: datetime) -> Preparation:
    """A new preparation, to be scanned next. Those that still ran are ended."""
    for unfinished in server.preparations.filter(finished_at__isnull=True):
        _end(unfinished, "superseded", "A new preparation was started.", at)
    record(ActivityType.PREPARATION_STARTED, f"Preparation of {server.name} started", server=server)
    return Preparation.objects.create(server=server, started_at=at)


def scan(preparation_id: int, at: datetime) -> None:
    """Ask for the host keys without signing in; goes on at once if the confirmed ones are among them."""
    preparation = _running(preparation_id, State.SCANNING)
    if preparation is None:
        return
    server = preparation.server
    try:
        shown = ssh.scan_host_keys(server.hostname, server.port)
    except Failure as failure:
        _fail(preparation, failure, at)
        return
    preparation.host_keys = [
        {"type": key_type, "key": key, "fingerprint": keys.fingerprint(key)} for key_type, key in shown.items()
    ]
    preparation.state = State.CONFIRMING
    preparation.save()
    pinned = {key.type: key.key for key in server.host_keys.all()}
    if pinned and pinned.items() <= shown.items():
        _go_on(preparation)
        test(preparation_id, at)


def confirm(preparation: Preparation, fingerprint: str, at: datetime) -> None:
    """The administrator compared this fingerprint: this host key is the server's own, and it alone is pinned.

    (Each type is scanned over a connection of its own, so one that was compared says nothing of the others.)
    """
    compared = [key for key in preparation.host_keys if key["fingerprint"] == fingerprint]
    servers.accept_host_keys(preparation.server, compared, at)
    _go_on(preparation)


def _go_on(preparation: Preparation) -> None:
    Preparation.objects.filter(pk=preparation.pk, state=State.CONFIRMING).update(state=State.TESTING)


def abandon(preparation_id: int, at: datetime) -> None:
    """End a preparation that something unforeseen broke."""
    for broken in Preparation.objects.select_related("server__state").filter(pk=preparation_id, finished_at=None):
        _end(broken, "crashed", "It broke off; the log has the reason. Try again.", at)


def test(preparation_id: int, at: datetime) -> None:
    """Sign in, read everything once, report; from then on the server is polled."""
    preparation = _running(preparation_id, State.TESTING)
    if preparation is None:
        return
    server = preparation.server
    try:
        reading = _read_once(server)
    except Failure as failure:
        _fail(preparation, failure, at)
        return
    preparation.report = report(reading)
    preparation.state, preparation.finished_at = State.COMPLETE, at
    preparation.save()
    unseen = [part["part"] for part in preparation.report if not part["seen"]]
    record(
        ActivityType.PREPARATION_COMPLETE,
        f"Preparation of {server.name} complete",
        server=server,
        details={"not_seen": unseen, "containers": str(reading.containers.status) if reading.containers else None},
    )
    servers.begin_polling(server, at)


def report(reading: Reading) -> list[dict[str, Any]]:
    """Part by part: whether it can be read and, if not, what mends it."""
    seen = [(part, bool(part.is_seen(reading))) for part in PARTS]
    found = [{"part": part.name, "seen": is_seen, "remedy": "" if is_seen else part.remedy} for part, is_seen in seen]
    return [*found, _containers(reading)]


def _containers(reading: Reading) -> dict[str, Any]:
    """Whether the containers can be listed, by which way, and what mends it if not."""
    if reading.containers is None:
        return {"part": "Containers", "seen": False, "remedy": OLD_PROBE}
    status, way = reading.containers.status, reading.containers.way
    is_seen, label = status in app_access.READABLE, app_access.LABELS[status]
    name = "Containers" if is_seen else f"Containers: {label[0].lower()}{label[1:]}"
    return {"part": name, "seen": is_seen, "remedy": app_access.explanation(way)}


def _read_once(server: Server) -> Reading:
    connection = open_connection(way(server))
    try:
        return collect(connection.probe, Counters()).reading
    finally:
        connection.close()


def _running(preparation_id: int, state: str) -> Preparation | None:
    return Preparation.objects.select_related("server__state").filter(pk=preparation_id, state=state).first()


def _fail(preparation: Preparation, failure: Failure, at: datetime) -> None:
    _end(preparation, str(failure.reason), failure.explanation, at)


def _end(preparation: Preparation, reason: str, explanation: str, at: datetime) -> None:
    """As failed, in the log as well."""
    preparation.state, preparation.finished_at = State.FAILED, at
    preparation.reason, preparation.explanation = reason, explanation[:500]
    preparation.save()
    record(
        ActivityType.PREPARATION_FAILED,
        f"Preparation of {preparation.server.name} failed: {reason}",
        server=preparation.server,
        result=Result.FAILURE,
        details={"reason": reason, "explanation": explanation},
    )
