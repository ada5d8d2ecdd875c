"""The shapes of the answers, as JSON Schema: what each name means, and in which unit. Pure."""

from typing import Any

from activity.types import ActivityType, ActorKind, Origin, Result
from dashboard import figures
from dashboard.figures import Figures
from metrics.periods import PERIODS

Schema = dict[str, Any]


def _one(kind: str, says: str, **more: Any) -> Schema:
    return {"type": kind, "description": says, **more}


def _null_or(kind: str, says: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": says, **more}


def _text(says: str) -> Schema:
    return _one("string", says)


def _maybe_text(says: str) -> Schema:
    return _null_or("string", f"{says}, or null")


def _count(says: str) -> Schema:
    return _one("integer", says, minimum=0)


def _id(says: str) -> Schema:
    return _one("integer", says, minimum=1)


def _time(says: str) -> Schema:
    return _one("string", f"{says}; RFC 3339 in UTC", format="date-time")


def _maybe_time(says: str) -> Schema:
    return _null_or("string", f"{says}; RFC 3339 in UTC, or null", format="date-time")


def _yes(says: str) -> Schema:
    return _one("boolean", says)


def _among(says: str, *allowed: str) -> Schema:
    return _one("string", says, enum=[str(one) for one in allowed])


def _list(of: Schema, says: str = "") -> Schema:
    return {"type": "array", "items": of} | ({"description": says} if says else {})


def _object(says: str, properties: Schema) -> Schema:
    """An answer has all of these; more may come."""
    return _one("object", says, properties=properties, required=list(properties))


def _maybe_object(says: str, properties: Schema) -> Schema:
    return _object(says, properties) | {"type": ["object", "null"]}


def _figure(one: figures.Figure) -> Schema:
    return _null_or("integer" if one.is_whole else "number", one.says)


def _figures(known: Figures) -> Schema:
    return {name: _figure(one) for name, one in known.items()}


def _sample(says: str, owner: Schema, known: Figures) -> Schema:
    """One step of a history; figures that were not asked for are left out."""
    peaks = {
        f"{name}_max": _figure(one) | {"description": f"Its highest in the step: {one.says[0].lower()}{one.says[1:]}"}
        for name, one in known.items()
        if one.has_peak
    }
    always = {**owner, "timestamp": _time("When the step begins"), "samples": _count("Polls in the step")}
    return _one("object", says, properties={**always, **_figures(known), **peaks}, required=list(always))


def _history(owner: Schema, sample: Schema) -> Schema:
    return _object(
        "A stretch of history",
        {
            **owner,
            "period": _null_or("string", "The period that was asked for; null for a free range", enum=[*PERIODS, None]),
            "step_seconds": _count("Width of a step"),
            "resolution_seconds": _count("How finely history is still kept of that time"),
            "coverage_percent": _null_or("number", "Polls in it, of those that should be; null before the first"),
            "from": _time("Begin, on a whole step"),
            "to": _time("End, on a whole step"),
            "metrics": _list(sample, "Oldest first; a step without a sample is left out"),
            "count": _count("Number of them"),
        },
    )


def _listed(name: str, of: Schema, **more: Schema) -> Schema:
    """A page of a list."""
    return _object(
        "A page of a list",
        {
            name: _list(of),
            "count": _count("How many are here"),
            "total": _count("How many there are"),
            "limit": _count("How many were asked for"),
            "offset": _count("How many before them were skipped"),
            **more,
        },
    )


def _all(name: str, of: Schema, **more: Schema) -> Schema:
    return _object("A whole list", {name: _list(of), "count": _count("How many they are"), **more})


NEXT_AFTER = _null_or("integer", "Give it as `after` for the next page in order of id; null on the last one")
SERVER_ID = {"server_id": _id("The server")}
APP_OWNER = {**SERVER_ID, "app_id": _id("The app")}

COST = _object(
    "What watching costs, signing in included; null while it is not known",
    {
        "polls": _null_or("integer", "Polls of the newest connection, over which the means are taken"),
        "poll_ms": _null_or("integer", "The last poll, milliseconds"),
        "bytes_per_poll": _null_or("integer", "Both directions of the connection, bytes, mean"),
        "server_cpu_ms_per_poll": _null_or("number", "CPU spent on the server, milliseconds, mean"),
        "logins_today": _count("Sign-ins by SSH since midnight"),
    },
)

ACTIVITY = _object(
    "A row of the activity log; names are those of then",
    {
        "id": _id("The row"),
        "activity_type": _among("What happened", *ActivityType),
        "user_id": _null_or("integer", "The user who did it; a token's owner"),
        "server_id": _null_or("integer", "The server it is about"),
        "app_id": _null_or("integer", "The app it is about"),
        "message": _text("In words"),
        "details": _one("object", "What more is known, such as before and after"),
        "timestamp": _time("When it was recorded"),
        "actor_kind": _among("Who did it", *ActorKind),
        "actor_name": _text("Their name"),
        "server_name": _maybe_text("The server's name"),
        "app_name": _maybe_text("The app's name"),
        "source_ip": _maybe_text("The address it came from"),
        "user_agent": _maybe_text("The program it came from"),
        "origin": _among("Which way it came in", *Origin),
        "result": _among("How it ended", *Result),
        "request_id": _maybe_text("The request that it was part of"),
    },
)
SUMMARY = _object(
    "The fleet now. Averages are over `averaged_over` servers whose figures are current",
    {
        "total_servers": _count("Servers"),
        "online_servers": _count("Servers that answer"),
        "offline_servers": _count("Servers that do not"),
        "pending_servers": _count("Servers that wait to be prepared"),
        "paused_servers": _count("Servers that are not polled"),
        "total_apps": _count("Apps of servers that can tell: running + stopped + error"),
        "running_apps": _count("Apps that run"),
        "stopped_apps": _count("Apps that were stopped"),
        "error_apps": _count("Apps that crashed, restart or are unhealthy"),
        "unknown_apps": _count("Apps of servers that cannot tell at present"),
        "avg_cpu_percent": _null_or("number", "Plain mean of the servers' CPU, percent"),
        "avg_memory_percent": _null_or("number", "Plain mean of the servers' memory, percent"),
        "avg_disk_percent": _null_or("number", "Plain mean of the servers' root filesystems, percent"),
        "cpu_percent": _null_or("number", "Busy share of all cores of the fleet, percent"),
        "memory_percent": _null_or("number", "Used share of all memory of the fleet, percent"),
        "disk_percent": _null_or("number", "Used share of all root filesystems of the fleet, percent"),
        "averaged_over": _count("Servers with current figures"),
        "recent_activities": _list(ACTIVITY, "Newest first"),
        "timestamp": _time("Now"),
    },
)
PROBLEM = _object(
    "Something that wants looking at",
    {
        "kind": _among("What it is", "server_offline", "app_error", "poller_silent"),
        "server_id": _null_or("integer", "The server"),
        "server_name": _maybe_text("Its name"),
        "app_id": _null_or("integer", "The app"),
        "app_name": _maybe_text("Its name"),
        "message": _text("Why, with the remedy"),
        "since": _maybe_time("Since when"),
    },
)
PROBLEMS = _object(
    "What is wrong now: servers first, those that are longest so",
    {"problems": _list(PROBLEM), "count": _count("How many are here"), "total": _count("How many there are")},
)
SERVER = _object(
    "A server with its newest figures; they are null unless they are current",
    {
        "id": _id("The server"),
        "name": _text("How it is called"),
        "hostname": _text("Its address"),
        "port": _count("Of SSH"),
        "username": _text("The account that reads it"),
        "site": _maybe_text("Whose pollers reach it"),
        "tags": _list(_text("A tag")),
        "notes": _text("What was written about it"),
        "status": _among("How it is", "pending", "online", "offline", "paused"),
        "reason": _maybe_text("Why it is not online, in one word"),
        "explanation": _maybe_text("The same with the remedy"),
        "since": _time("Since when it has this status"),
        "polled_at": _maybe_time("The last poll that was stored"),
        "is_stale": _yes("Whether its figures are not current"),
        "facts": _one("object", "Operating system, kernel, CPU model, cores, architecture and more, as it tells them"),
        "apps_status": _maybe_text("How it answers which containers it has"),
        "apps_explanation": _maybe_text("What mends that"),
        "clock_skew_seconds": _null_or("integer", "Its clock − ours"),
        "cost": COST,
        **_figures(figures.SERVER),
        "timestamp": _maybe_time("Of the figures"),
    },
)
SERVERS = _listed("servers", SERVER, next_after=NEXT_AFTER)
DELETED = _object("What is gone", {"id": _id("What it was")})
POLLING = _object("It is polled at once", SERVER_ID)
PREPARATION = _object(
    "A preparation: how far it is, what it saw, and what mends what it did not",
    {
        **SERVER_ID,
        "state": _among("How far it is", "none", "scanning", "confirming", "testing", "complete", "failed"),
        "started_at": _maybe_time("Begin"),
        "finished_at": _maybe_time("End"),
        "authorized_keys": _maybe_text("The line for the server's authorized_keys"),
        "host_keys": _list(
            _object("One", {"type": _text("Its algorithm"), "fingerprint": _text("SHA256:… of it")}),
            "What the scan saw: compare one with the server's own and confirm it",
        ),
        "pinned": _list(_text("A fingerprint"), "The host keys that were confirmed"),
        "report": _list(
            _object(
                "One part",
                {
                    "part": _text("What is read"),
                    "seen": _yes("Whether it can be"),
                    "remedy": _text("What mends it; empty if it can"),
                },
            )
        ),
        "reason": _maybe_text("Why it failed, in one word"),
        "explanation": _maybe_text("The same with the remedy"),
    },
)
SERVER_HISTORY = _history(SERVER_ID, _sample("A server's sample", SERVER_ID, figures.SERVER))
FILESYSTEM = _object(
    "A filesystem with its newest figures; they are null unless they are current",
    {
        "id": _id("The filesystem"),
        **SERVER_ID,
        "mount": _text("Where it is mounted"),
        "device": _text("What is mounted"),
        "type": _text("Such as ext4"),
        "is_read_only": _yes("Whether nothing can be written"),
        **_figures(figures.FILESYSTEM),
    },
)
FILESYSTEMS = _all("filesystems", FILESYSTEM, server_id=_id("The server"))
FILESYSTEM_OWNER = {**SERVER_ID, "filesystem_id": _id("The filesystem")}
FILESYSTEM_HISTORY = _history(FILESYSTEM_OWNER, _sample("A filesystem's sample", FILESYSTEM_OWNER, figures.FILESYSTEM))
INTERFACE = _object(
    "A network interface with its newest figures; they are null unless they are current",
    {
        "id": _id("The interface"),
        **SERVER_ID,
        "name": _text("Such as eth0"),
        "is_counted": _yes("Whether it is part of the server's total"),
        **_figures(figures.INTERFACE),
    },
)
INTERFACES = _all("interfaces", INTERFACE, server_id=_id("The server"))
INTERFACE_OWNER = {**SERVER_ID, "interface_id": _id("The interface")}
INTERFACE_HISTORY = _history(INTERFACE_OWNER, _sample("An interface's sample", INTERFACE_OWNER, figures.INTERFACE))
APP = _object(
    "An app with its container and its newest figures; they are null unless they are current",
    {
        "id": _id("The app"),
        **SERVER_ID,
        "server_name": _text("Its server's name"),
        "name": _text("How it is called: its compose service, else its container"),
        "container_id": _text("Its container"),
        "container_name": _text("Its container's name"),
        "project": _maybe_text("The compose project"),
        "service": _maybe_text("The compose service"),
        "engine": _maybe_text("docker or podman"),
        "image": _maybe_text("Its image's name"),
        "image_id": _maybe_text("Its image"),
        "status": _text("running, paused, restarting, exited, dead, created or removing"),
        "condition": _among("What the summary counts it as", "running", "stopped", "error", "unknown"),
        "is_stale": _yes("Whether its figures are not current"),
        "health": _maybe_text("What its health check says"),
        "exit_code": _null_or("integer", "Of its last end"),
        "signal": _maybe_text("Which ended it"),
        "out_of_memory": _null_or("boolean", "Whether the kernel ended it for want of memory"),
        "restart_policy": _maybe_text("Of its engine"),
        "created_at": _maybe_time("Of its container"),
        "started_at": _maybe_time("Of its container"),
        "finished_at": _maybe_time("Its last end"),
        **_figures(figures.APP),
        "cpu_of_host_percent": _null_or("number", "CPU, percent of all cores of its server"),
        "cpu_of_limit_percent": _null_or("number", "CPU, percent of its limit; null without one"),
        "memory_percent": _null_or("number", "Memory, percent of its limit or else of its server's memory"),
        "timestamp": _maybe_time("Of the figures"),
    },
)
APPS = _listed("apps", APP, next_after=NEXT_AFTER)
SERVER_APPS = _object(
    "The apps of a server",
    {
        **SERVER_ID,
        "apps": _list(APP),
        "count": _count("How many they are"),
        "total": _count("The same"),
        "status": _maybe_text("ok, no_containers, no_docker, not_allowed, daemon_down or unreadable"),
        "explanation": _maybe_text("What mends that"),
    },
)
APP_SAMPLE_OWNER = {
    **APP_OWNER,
    "container_id": _maybe_text("The container that it had then"),
    "container_name": _maybe_text("Its name"),
    "image": _maybe_text("Its image"),
    "status": _maybe_text("Its last state in the step"),
}
APP_HISTORY = _history(APP_OWNER, _sample("An app's sample", APP_SAMPLE_OWNER, figures.APP))
CRASH = _object(
    "A crash, with what was seen of it",
    {
        **APP_OWNER,
        "app_name": _text("The app"),
        "at": _time("When"),
        "times": _count("Crashes within minutes of each other are one"),
        "image": _maybe_text("Its image"),
        "exit_code": _null_or("integer", "How it ended"),
        "signal": _maybe_text("Which ended it"),
        "out_of_memory": _null_or("boolean", "Whether the kernel ended it for want of memory"),
        "log": _text("Its last lines, without what looks like a secret"),
    },
)
CHANGE = _object(
    "How a figure differs from before",
    {
        "name": _text("The figure"),
        "before": _null_or("number", "Its mean before"),
        "after": _null_or("number", "Its mean after"),
        "peak_after": _null_or("number", "Its highest after"),
    },
)
EXPLANATION = _object(
    "What changed on a server around a time",
    {
        **SERVER_ID,
        "server_name": _text("Its name"),
        "status": _among("How it is now", "pending", "online", "offline", "paused"),
        "explanation": _maybe_text("Why it is not online, with the remedy"),
        "at": _time("What before and after are told apart by"),
        "from": _time("Begin"),
        "to": _time("End"),
        "step_seconds": _count("Width of a step"),
        "coverage_percent": _null_or("number", "Polls that are in it, of those that should be"),
        "changes": _list(CHANGE, "Those that changed most first"),
        "events": _list(ACTIVITY, "What happened, newest first"),
        "events_total": _count("How many there are"),
        "crashes": _list(CRASH, "Newest first"),
        "metrics": _list(_sample("A server's sample", SERVER_ID, figures.SERVER), "Oldest first"),
    },
)
ACTIVITIES = _listed(
    "logs", ACTIVITY, next_before=_null_or("integer", "Give it as `before` for the next page; null on the last one")
)
TOKEN = _object(
    "A token; its text is shown nowhere",
    {
        "id": _id("The token"),
        "name": _text("How it is called"),
        "scopes": _list(_text("What it may do")),
        "tag": _maybe_text("Only servers with it"),
        "network": _maybe_text("Only from it"),
        "created_at": _time("Begin"),
        "expires_at": _maybe_time("End"),
        "revoked_at": _maybe_time("When it was ended"),
        "last_used_at": _maybe_time("Its last use"),
        "is_valid": _yes("Whether it lets anybody in"),
    },
)
TOKENS = _all("tokens", TOKEN)
PROCESS = _object(
    "A background process",
    {
        "name": _text("tasks, or a poller's"),
        "seen_at": _maybe_time("Its last sign of life"),
        "is_silent": _yes("Whether that is too long ago"),
        "waiting": _count("Tasks in its queue"),
        "waiting_since": _maybe_time("When the oldest of them came"),
        "late_polls": _null_or("integer", "Polls that were left out because the one before still ran"),
        "servers_held": _null_or("integer", "Servers that it polls"),
        "polls_per_minute": _null_or("number", "Over the last minute"),
        "cpu_ms_per_poll": _null_or("number", "Of its own CPU, milliseconds"),
    },
)
HEALTH = _object(
    "Whether the product itself works, and what it costs",
    {
        "processes": _list(PROCESS),
        "polls_per_minute": _null_or("number", "Over the last minute"),
        "poller_cpu_ms_per_poll": _null_or("number", "CPU of the pollers, milliseconds"),
        "cost": COST,
        "most_expensive": _list(
            _object(
                "A server with its cost",
                {**SERVER_ID, "server_name": _text("Its name"), **COST["properties"]},
            )
        ),
        "database_bytes": _count("Size of the database"),
        "queue_bytes": _null_or("integer", "Size of the queue's own database"),
        "backups_bytes": _null_or("integer", "Size of all backups"),
        "free_bytes": _count("Left for the data folder"),
        "history": _list(
            _object(
                "A resolution and what it takes in the end with this fleet",
                {
                    "resolution_seconds": _null_or("integer", "Its buckets; null is every sample"),
                    "setting": _text("What changes it"),
                    "kept_seconds": _null_or("integer", "How long it is kept; null is for good"),
                    "rows_per_day": _count("With this fleet"),
                    "bytes": _count("In the end; of what is kept for good, a year"),
                },
            )
        ),
        "oldest_sample_at": _maybe_time("Of single samples"),
        "newest_sample_at": _maybe_time("Of single samples"),
        "last_backup": _maybe_object("The last backup", {"state": _text("How it ended"), "at": _maybe_time("When")}),
        "last_log_check": _maybe_object(
            "The last check of the activity log", {"state": _text("How it ended"), "at": _maybe_time("When")}
        ),
        "timestamp": _time("Now"),
    },
)
