"""What probe.sh would print on a made-up machine. Pure."""

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any

from metrics.demo.fleet import Plan
from metrics.demo.machine import BLOCK, AppMoment, Moment
from metrics.probe.reading import State

TICKS = 100
USER, NICE, SYSTEM, SOFTIRQ, STEAL = 0.69, 0.01, 0.22, 0.04, 0.04  # of what is busy
NEVER = "0001-01-01T00:00:00Z"


def sample(plan: Plan, moment: Moment, nonce: str, wanted: str) -> str:
    """All parts of a sample, without the end mark; `wanted` as in a request: f, m, c."""
    up = [app for app in moment.apps if app.life.is_up]
    parts = {
        "boot_id": moment.boot_id,
        "uptime": f"{moment.uptime:.2f} {_idle(plan, moment):.2f}",
        "stat": _stat(plan, moment),
        "diskstats": f" 259 0 {disk_name(plan)} 9 0 {moment.read_bytes // 512} 9 9 0 {moment.written_bytes // 512} 9 0"
        f" {moment.busy_milliseconds} 9",
        "net": "\n".join(
            f"{name}: {received} 9 0 0 0 0 0 0 {sent} 9 0 0 0 0 0 0"
            for name, (received, sent) in moment.traffic.items()
        ),
        "loadavg": "{:.2f} {:.2f} {:.2f} 1/312 4711".format(*moment.load),
        "meminfo": _meminfo(plan, moment),
        **_pressure(plan, moment),
        "mounts": "\n".join(f"{one.device} {one.mount} {one.type} rw" for one in plan.disks),
        "cgroups": "\n".join(["v2", *(_cgroup(app, n) for n, app in enumerate(up, 1))]),
        "inodes": "\n".join(
            [*(f"{app.cgroup} {_group(app)}" for app in up), "4026531840 /proc/self/net/dev"]
            + [f"{4026532000 + n} /proc/{1000 + n}/net/dev" for n in range(1, len(up) + 1)]
        ),
        "blocks": f"/sys/block/{disk_name(plan)}",
        "interfaces": "eth0 device",
        "filesystems": "\n".join(
            f"{BLOCK} {d.blocks} {d.free} {d.available} {d.inodes} {d.inodes_free} {d.plan.mount}" for d in moment.disks
        ),
        "temperatures": "\n".join(_sensors(plan, moment)),
    }
    if "c" in wanted:
        parts |= {"docker": f"socket\n{_packed(_list(moment))}" if plan.apps else "absent", "podman": "absent"}
    if "f" in wanted:
        parts |= {
            "os-release": f'PRETTY_NAME="{plan.system.name}"',
            "uname": f"Linux {plan.system.kernel} {plan.shape.architecture}",
            "cpuinfo": f"model name\t: {plan.shape.cpu_model}",
        }
    return "".join(f"@@{nonce} {name}\n{text}\n" for name, text in parts.items())


def running(moment: Moment) -> str:
    """What changes when a container comes or goes: then the probe lists them unasked."""
    return " ".join(f"{app.container_id[:12]}{app.cgroup}" for app in moment.apps if app.life.is_up)


def about(moment: Moment, nonce: str, what: str, ids: Sequence[str]) -> str:
    """The part that answers "inspect" or "logs"."""
    asked = [app for app in moment.apps if app.container_id in ids]
    tell = {"inspect": _inspection, "logs": _log}[what]
    return f"@@{nonce} {what}\nsocket\n{_packed(''.join(tell(app) for app in asked))}\n"


def disk_name(plan: Plan) -> str:
    return plan.disks[0].device.removeprefix("/dev/").rstrip("0123456789").removesuffix("p")


def steal_of(plan: Plan) -> float:
    """A machine with sensors is nobody's guest."""
    return 0.0 if plan.shape.sensors else STEAL


def _idle(plan: Plan, moment: Moment) -> float:
    return max(moment.uptime * plan.shape.cores - moment.busy - moment.iowait, 0)


def _stat(plan: Plan, moment: Moment) -> str:
    cores, steal = plan.shape.cores, steal_of(plan)
    user = USER + STEAL - steal

    def line(name: str, busy: float, iowait: float, seconds: float) -> str:
        busy, iowait, whole = busy * TICKS, iowait * TICKS, seconds * TICKS
        return (
            f"{name} {user * busy:.0f} {NICE * busy:.0f} {SYSTEM * busy:.0f} {whole - busy - iowait:.0f} {iowait:.0f} 0"
            f" {SOFTIRQ * busy:.0f} {steal * busy:.0f} 0 0"
        )

    lines = [line("cpu ", moment.busy, moment.iowait, moment.uptime * cores)]
    lines += [line(f"cpu{n}", b, moment.iowait / cores, moment.uptime) for n, b in enumerate(moment.core_busy)]
    return "\n".join([*lines, f"btime {moment.booted_at:.0f}"])


def _meminfo(plan: Plan, moment: Moment) -> str:
    total, swap = plan.shape.memory_bytes // 1024, plan.shape.swap_bytes // 1024
    free = total - moment.memory_used - moment.memory_cache
    sizes = {
        "MemTotal": total,
        "MemFree": free,
        "MemAvailable": total - moment.memory_used,
        "Buffers": 0,
        "Cached": moment.memory_cache,
        "SwapTotal": swap,
        "SwapFree": swap - moment.swap_used,
    }
    return "\n".join(f"{name}: {size} kB" for name, size in sizes.items())


def _pressure(plan: Plan, moment: Moment) -> dict[str, str]:
    if not plan.shape.has_pressure:
        return {}
    cpu10, cpu60, io10, io60 = moment.pressure
    told = {"cpu": (cpu10, cpu60), "memory": (0.0, 0.0), "io": (io10, io60)}
    return {
        f"pressure_{what}": f"some avg10={ten:.2f} avg60={sixty:.2f} avg300=0.00 total=0"
        for what, (ten, sixty) in told.items()
    }


def _sensors(plan: Plan, moment: Moment) -> Iterable[str]:
    for n, ((chip, label, _base), celsius) in enumerate(zip(plan.shape.sensors, moment.celsius, strict=True)):
        folder = f"/sys/class/hwmon/hwmon{n}"
        yield f"{folder}/name:{chip}"
        yield f"{folder}/temp1_label:{label}"
        yield f"{folder}/temp1_input:{celsius * 1000:.0f}"


def _group(app: AppMoment) -> str:
    return f"/sys/fs/cgroup/system.slice/docker-{app.container_id}.scope"


def _cgroup(app: AppMoment, number: int) -> str:
    limit = app.plan.limit_bytes or "max"
    return (
        f"{_group(app)} {1000 + number} {app.cpu_microseconds} {app.memory_bytes} 0 {limit} max 100000 {app.pids}"
        f" {app.read_bytes} {app.written_bytes} 0 {app.receive_bytes} {app.transmit_bytes}"
    )


def _labels(app: AppMoment) -> dict[str, str]:
    if not app.plan.service:
        return {}
    names = {"project": app.plan.project, "service": app.plan.service, "container-number": "1", "oneoff": "False"}
    return {f"com.docker.compose.{name}": value for name, value in names.items()}


def _list(moment: Moment) -> str:
    return json.dumps(
        [
            {
                "Id": app.container_id,
                "Names": [f"/{app.plan.container_name}"],
                "Image": app.image,
                "ImageID": f"sha256:{app.container_id[::-1]}",
                "Created": int(app.life.created_at),
                "State": str(app.life.state),
                "Status": _status(app, moment.at),
                "Labels": _labels(app),
            }
            for app in moment.apps
        ]
    )


def _status(app: AppMoment, at: float) -> str:
    """Docker's own words, such as "Up 3 days (healthy)"."""
    life = app.life
    if life.is_up:
        return f"Up {_ago(at - life.started_at)}" + (f" ({life.health})" if life.health else "")
    word = "Restarting" if life.state is State.RESTARTING else "Exited"
    return f"{word} ({life.exit_code}) {_ago(at - (life.finished_at or at))} ago"


def _ago(seconds: float) -> str:
    for name, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {name}"
    return "About a minute" if seconds >= 60 else f"{int(seconds)} seconds"


def _inspection(app: AppMoment) -> str:
    life = app.life
    state: dict[str, Any] = {
        "Status": str(life.state),
        "OOMKilled": life.is_out_of_memory,
        "ExitCode": life.exit_code or 0,
        "StartedAt": _instant(life.started_at),
        "FinishedAt": _instant(life.finished_at) if life.finished_at else NEVER,
    }
    if life.health:
        state["Health"] = {"Status": str(life.health)}
    told = {
        "Id": app.container_id,
        "Name": f"/{app.plan.container_name}",
        "Created": _instant(life.created_at),
        "Image": f"sha256:{app.container_id[::-1]}",
        "RestartCount": life.restarts,
        "State": state,
        "HostConfig": {"RestartPolicy": {"Name": _policy(app)}},
        "Config": {"Image": app.image, "Labels": _labels(app)},
    }
    return f"{json.dumps(told)}\n"


def _policy(app: AppMoment) -> str:
    """What leaks waits for somebody who starts it again."""
    return "no" if app.plan.trouble and app.plan.trouble.kind == "leak" else "unless-stopped"


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


LAST_WORDS = {
    True: (
        "WARN  heap 96% used after full collection, 1 412 jobs in memory",
        "WARN  job 88213 export-orders: holding 214 MiB of rows",
        "ERROR allocation of 33554432 bytes failed, retrying",
    ),
    False: (
        "ERROR could not connect to postgres at 10.0.3.11:5432: Connection refused",
        "ERROR giving up after 5 attempts",
        "fatal: database is not reachable, exiting with status 1",
    ),
}


def _log(app: AppMoment) -> str:
    """The last lines that it wrote before it ended."""
    ended = app.life.finished_at or app.life.started_at
    random = Random(int(ended))  # noqa: S311
    lines = [f"INFO  GET /api/orders/{random.randint(1000, 9999)} 200 in {random.randint(4, 90)} ms" for _ in range(9)]
    lines += LAST_WORDS[app.life.is_out_of_memory]
    return "".join(f"{_instant(ended - 3 * (len(lines) - n))[:19]}Z {line}\n" for n, line in enumerate(lines))


@lru_cache(maxsize=4096)
def _packed(text: str) -> str:
    """Through gzip and base64; most lists are the same as a minute before."""
    return base64.b64encode(gzip.compress(text.encode(), 1, mtime=0)).decode()
