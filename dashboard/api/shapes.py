"""The shapes of the answers, as JSON Schema: what each name means, and in which unit. Pure."""

from activity.types import ActivityType, ActorKind, Origin, Result
from dashboard import figures
from dashboard.api.schema import (
    Schema,
    among,
    count,
    id_of,
    list_of,
    maybe_record,
    maybe_text,
    maybe_time,
    null_or,
    record,
    text,
    time,
    value,
    yes,
)
from dashboard.figures import Figures
from metrics.periods import PERIODS


def _figure(one: figures.Figure) -> Schema:
    return null_or("integer" if one.is_whole else "number", one.says)


def _figures(known: Figures) -> Schema:
    return {name: _figure(one) for name, one in known.items()}


def _sample(says: str, owner: Schema, known: Figures) -> Schema:
    """One step of a history; figures that were not asked for are left out."""
    peaks = {
        f"{name}_max": _figure(one) | {"description": f"Its highest in the step: {one.says[0].lower()}{one.says[1:]}"}
        for name, one in known.items()
        if one.has_peak
    }
    always = {**owner, "timestamp": time("When the step begins"), "samples": count("Polls in the step")}
    return value("object", says, properties={**always, **_figures(known), **peaks}, required=list(always))


def _history(owner: Schema, sample: Schema) -> Schema:
    return record(
        "A stretch of history",
        {
            **owner,
            "period": null_or("string", "The period that was asked for; null for a free range", enum=[*PERIODS, None]),
            "step_seconds": count("Width of a step"),
            "resolution_seconds": count("How finely history is still kept of that time"),
            "coverage_percent": null_or("number", "Polls in it, of those that should be; null before the first"),
            "from": time("Begin, on a whole step"),
            "to": time("End, on a whole step"),
            "metrics": list_of(sample, "Oldest first; a step without a sample is left out"),
            "count": count("Number of them"),
        },
    )


def _listed(name: str, of: Schema, **more: Schema) -> Schema:
    """A page of a list."""
    return record(
        "A page of a list",
        {
            name: list_of(of),
            "count": count("How many are here"),
            "total": count("How many there are"),
            "limit": count("How many were asked for"),
            "offset": count("How many before them were skipped"),
            **more,
        },
    )


def _all(name: str, of: Schema, **more: Schema) -> Schema:
    return record("A whole list", {name: list_of(of), "count": count("How many they are"), **more})


NEXT_AFTER = null_or("integer", "Give it as `after` for the next page in order of id; null on the last one")
SERVER_ID = {"server_id": id_of("The server")}
APP_OWNER = {**SERVER_ID, "app_id": id_of("The app")}

COST = record(
    "What watching costs, signing in included; null while it is not known",
    {
        "polls": null_or("integer", "Polls of the newest connection, over which the means are taken"),
        "poll_ms": null_or("integer", "The last poll, milliseconds"),
        "bytes_per_poll": null_or("integer", "Both directions of the connection, bytes, mean"),
        "server_cpu_ms_per_poll": null_or("number", "CPU spent on the server, milliseconds, mean"),
        "logins_today": count("Sign-ins by SSH since midnight"),
    },
)

ACTIVITY = record(
    "A row of the activity log; names are those of then",
    {
        "id": id_of("The row"),
        "activity_type": among("What happened", *ActivityType),
        "user_id": null_or("integer", "The user who did it; a token's owner"),
        "server_id": null_or("integer", "The server it is about"),
        "app_id": null_or("integer", "The app it is about"),
        "message": text("In words"),
        "details": value("object", "What more is known, such as before and after"),
        "timestamp": time("When it was recorded"),
        "actor_kind": among("Who did it", *ActorKind),
        "actor_name": text("Their name"),
        "server_name": maybe_text("The server's name"),
        "app_name": maybe_text("The app's name"),
        "source_ip": maybe_text("The address it came from"),
        "user_agent": maybe_text("The program it came from"),
        "origin": among("Which way it came in", *Origin),
        "result": among("How it ended", *Result),
        "request_id": maybe_text("The request that it was part of"),
    },
)
SUMMARY = record(
    "The fleet now. Averages are over `averaged_over` servers whose figures are current",
    {
        "total_servers": count("Servers"),
        "online_servers": count("Servers that answer"),
        "offline_servers": count("Servers that do not"),
        "pending_servers": count("Servers that wait to be prepared"),
        "paused_servers": count("Servers that are not polled"),
        "total_apps": count("Apps of servers that can tell: running + stopped + error"),
        "running_apps": count("Apps that run"),
        "stopped_apps": count("Apps that were stopped"),
        "error_apps": count("Apps that crashed, restart or are unhealthy"),
        "unknown_apps": count("Apps of servers that cannot tell at present"),
        "avg_cpu_percent": null_or("number", "Plain mean of the servers' CPU, percent"),
        "avg_memory_percent": null_or("number", "Plain mean of the servers' memory, percent"),
        "avg_disk_percent": null_or("number", "Plain mean of the servers' root filesystems, percent"),
        "cpu_percent": null_or("number", "Busy share of all cores of the fleet, percent"),
        "memory_percent": null_or("number", "Used share of all memory of the fleet, percent"),
        "disk_percent": null_or("number", "Used share of all root filesystems of the fleet, percent"),
        "averaged_over": count("Servers with current figures"),
        "recent_activities": list_of(ACTIVITY, "Newest first"),
        "timestamp": time("Now"),
    },
)
PROBLEM = record(
    "Something that wants looking at",
    {
        "kind": among("What it is", "poller_silent", "disk_full", "log_broken", "server_offline", "app_error"),
        "name": text("What it is wrong with"),
        "server_id": null_or("integer", "The server"),
        "server_name": maybe_text("Its name"),
        "app_id": null_or("integer", "The app"),
        "app_name": maybe_text("Its name"),
        "message": text("Why, with the remedy"),
        "since": maybe_time("Since when"),
    },
)
PROBLEMS = record(
    "What is wrong now: the monitor itself, then servers, those that are longest so first, then apps",
    {"problems": list_of(PROBLEM), "count": count("How many are here"), "total": count("How many there are")},
)
SERVER = record(
    "A server with its newest figures; they are null unless they are current",
    {
        "id": id_of("The server"),
        "name": text("How it is called"),
        "hostname": text("Its address"),
        "port": count("Of SSH"),
        "username": text("The account that reads it"),
        "site": maybe_text("Whose pollers reach it"),
        "tags": list_of(text("A tag")),
        "notes": text("What was written about it"),
        "status": among("How it is", "pending", "online", "offline", "paused"),
        "reason": maybe_text("Why it is not online, in one word"),
        "explanation": maybe_text("The same with the remedy"),
        "since": time("Since when it has this status"),
        "polled_at": maybe_time("The last poll that was stored"),
        "is_stale": yes("Whether its figures are not current"),
        "facts": value("object", "Operating system, kernel, CPU model, cores, architecture and more, as it tells them"),
        "apps_status": maybe_text("How it answers which containers it has"),
        "apps_explanation": maybe_text("What mends that"),
        "clock_skew_seconds": null_or("integer", "Its clock − ours"),
        "cost": COST,
        **_figures(figures.SERVER),
        "timestamp": maybe_time("Of the figures"),
    },
)
SERVERS = _listed("servers", SERVER, next_after=NEXT_AFTER)
DELETED = record("What is gone", {"id": id_of("What it was")})
POLLING = record("It is polled at once", SERVER_ID)
PREPARATION = record(
    "A preparation: how far it is, what it saw, and what mends what it did not",
    {
        **SERVER_ID,
        "state": among("How far it is", "none", "scanning", "confirming", "testing", "complete", "failed"),
        "started_at": maybe_time("Begin"),
        "finished_at": maybe_time("End"),
        "authorized_keys": maybe_text("The line for the server's authorized_keys"),
        "host_keys": list_of(
            record("One", {"type": text("Its algorithm"), "fingerprint": text("SHA256:… of it")}),
            "What the scan saw: compare one with the server's own and confirm it",
        ),
        "pinned": list_of(text("A fingerprint"), "The host keys that were confirmed"),
        "report": list_of(
            record(
                "One part",
                {
                    "part": text("What is read"),
                    "seen": yes("Whether it can be"),
                    "remedy": text("What mends it; empty if it can"),
                },
            )
        ),
        "reason": maybe_text("Why it failed, in one word"),
        "explanation": maybe_text("The same with the remedy"),
    },
)
SERVER_HISTORY = _history(SERVER_ID, _sample("A server's sample", SERVER_ID, figures.SERVER))
FILESYSTEM = record(
    "A filesystem with its newest figures; they are null unless they are current",
    {
        "id": id_of("The filesystem"),
        **SERVER_ID,
        "mount": text("Where it is mounted"),
        "device": text("What is mounted"),
        "type": text("Such as ext4"),
        "is_read_only": yes("Whether nothing can be written"),
        **_figures(figures.FILESYSTEM),
    },
)
FILESYSTEMS = _all("filesystems", FILESYSTEM, server_id=id_of("The server"))
FILESYSTEM_OWNER = {**SERVER_ID, "filesystem_id": id_of("The filesystem")}
FILESYSTEM_HISTORY = _history(FILESYSTEM_OWNER, _sample("A filesystem's sample", FILESYSTEM_OWNER, figures.FILESYSTEM))
INTERFACE = record(
    "A network interface with its newest figures; they are null unless they are current",
    {
        "id": id_of("The interface"),
        **SERVER_ID,
        "name": text("Such as eth0"),
        "is_counted": yes("Whether it is part of the server's total"),
        **_figures(figures.INTERFACE),
    },
)
INTERFACES = _all("interfaces", INTERFACE, server_id=id_of("The server"))
INTERFACE_OWNER = {**SERVER_ID, "interface_id": id_of("The interface")}
INTERFACE_HISTORY = _history(INTERFACE_OWNER, _sample("An interface's sample", INTERFACE_OWNER, figures.INTERFACE))
APP = record(
    "An app with its container and its newest figures; they are null unless they are current",
    {
        "id": id_of("The app"),
        **SERVER_ID,
        "server_name": text("Its server's name"),
        "name": text("How it is called: its compose service, else its container"),
        "container_id": text("Its container"),
        "container_name": text("Its container's name"),
        "project": maybe_text("The compose project"),
        "service": maybe_text("The compose service"),
        "engine": maybe_text("docker or podman"),
        "image": maybe_text("Its image's name"),
        "image_id": maybe_text("Its image"),
        "status": text("running, paused, restarting, exited, dead, created or removing"),
        "condition": among("What the summary counts it as", "running", "stopped", "error", "unknown"),
        "is_stale": yes("Whether its figures are not current"),
        "health": maybe_text("What its health check says"),
        "exit_code": null_or("integer", "Of its last end"),
        "signal": maybe_text("Which ended it"),
        "out_of_memory": null_or("boolean", "Whether the kernel ended it for want of memory"),
        "restart_policy": maybe_text("Of its engine"),
        "created_at": maybe_time("Of its container"),
        "started_at": maybe_time("Of its container"),
        "finished_at": maybe_time("Its last end"),
        **_figures(figures.APP),
        "cpu_of_host_percent": null_or("number", "CPU, percent of all cores of its server"),
        "cpu_of_limit_percent": null_or("number", "CPU, percent of its limit; null without one"),
        "memory_percent": null_or("number", "Memory, percent of its limit or else of its server's memory"),
        "timestamp": maybe_time("Of the figures"),
    },
)
APPS = _listed("apps", APP, next_after=NEXT_AFTER)
SERVER_APPS = record(
    "The apps of a server",
    {
        **SERVER_ID,
        "apps": list_of(APP),
        "count": count("How many they are"),
        "total": count("The same"),
        "status": maybe_text("ok, no_containers, no_docker, not_allowed, daemon_down or unreadable"),
        "explanation": maybe_text("What mends that"),
    },
)
APP_SAMPLE_OWNER = {
    **APP_OWNER,
    "container_id": maybe_text("The container that it had then"),
    "container_name": maybe_text("Its name"),
    "image": maybe_text("Its image"),
    "status": maybe_text("Its last state in the step"),
}
APP_HISTORY = _history(APP_OWNER, _sample("An app's sample", APP_SAMPLE_OWNER, figures.APP))
CRASH = record(
    "A crash, with what was seen of it",
    {
        **APP_OWNER,
        "app_name": text("The app"),
        "at": time("When"),
        "times": count("Crashes within minutes of each other are one"),
        "image": maybe_text("Its image"),
        "exit_code": null_or("integer", "How it ended"),
        "signal": maybe_text("Which ended it"),
        "out_of_memory": null_or("boolean", "Whether the kernel ended it for want of memory"),
        "log": text("Its last lines, without what looks like a secret"),
    },
)
CHANGE = record(
    "How a figure differs from before",
    {
        "name": text("The figure"),
        "before": null_or("number", "Its mean before"),
        "after": null_or("number", "Its mean after"),
        "peak_after": null_or("number", "Its highest after"),
    },
)
EXPLANATION = record(
    "What changed on a server around a time",
    {
        **SERVER_ID,
        "server_name": text("Its name"),
        "status": among("How it is now", "pending", "online", "offline", "paused"),
        "explanation": maybe_text("Why it is not online, with the remedy"),
        "at": time("What before and after are told apart by"),
        "from": time("Begin"),
        "to": time("End"),
        "step_seconds": count("Width of a step"),
        "coverage_percent": null_or("number", "Polls that are in it, of those that should be"),
        "changes": list_of(CHANGE, "Those that changed most first"),
        "events": list_of(ACTIVITY, "What happened, newest first"),
        "events_total": count("How many there are"),
        "crashes": list_of(CRASH, "Newest first"),
        "metrics": list_of(_sample("A server's sample", SERVER_ID, figures.SERVER), "Oldest first"),
    },
)
ACTIVITIES = _listed(
    "logs", ACTIVITY, next_before=null_or("integer", "Give it as `before` for the next page; null on the last one")
)
TOKEN = record(
    "A token; its text is shown nowhere",
    {
        "id": id_of("The token"),
        "name": text("How it is called"),
        "scopes": list_of(text("What it may do")),
        "tag": maybe_text("Only servers with it"),
        "network": maybe_text("Only from it"),
        "created_at": time("Begin"),
        "expires_at": maybe_time("End"),
        "revoked_at": maybe_time("When it was ended"),
        "last_used_at": maybe_time("Its last use"),
        "is_valid": yes("Whether it lets anybody in"),
    },
)
TOKENS = _all("tokens", TOKEN)
PROCESS = record(
    "A background process",
    {
        "name": text("tasks, or a poller's"),
        "seen_at": maybe_time("Its last sign of life"),
        "is_silent": yes("Whether that is too long ago"),
        "waiting": count("Tasks in its queue"),
        "waiting_since": maybe_time("When the oldest of them came"),
        "late_polls": null_or("integer", "Polls that were left out because the one before still ran"),
        "servers_held": null_or("integer", "Servers that it polls"),
        "polls_per_minute": null_or("number", "Over the last minute"),
        "cpu_ms_per_poll": null_or("number", "Of its own CPU, milliseconds"),
    },
)
HEALTH = record(
    "Whether the product itself works, and what it costs",
    {
        "processes": list_of(PROCESS),
        "polls_per_minute": null_or("number", "Over the last minute"),
        "poller_cpu_ms_per_poll": null_or("number", "CPU of the pollers, milliseconds"),
        "cost": COST,
        "most_expensive": list_of(
            record(
                "A server with its cost",
                {**SERVER_ID, "server_name": text("Its name"), **COST["properties"]},
            )
        ),
        "database_bytes": count("Size of the database"),
        "queue_bytes": null_or("integer", "Size of the queue's own database"),
        "backups_bytes": null_or("integer", "Size of all backups"),
        "free_bytes": count("Left for the data folder"),
        "history": list_of(
            record(
                "A resolution and what it takes in the end with this fleet",
                {
                    "resolution_seconds": null_or("integer", "Its buckets; null is every sample"),
                    "setting": text("What changes it"),
                    "kept_seconds": null_or("integer", "How long it is kept; null is for good"),
                    "rows_per_day": count("With this fleet"),
                    "bytes": count("In the end; of what is kept for good, a year"),
                },
            )
        ),
        "oldest_sample_at": maybe_time("Of single samples"),
        "newest_sample_at": maybe_time("Of single samples"),
        "last_backup": maybe_record("The last backup", {"state": text("How it ended"), "at": maybe_time("When")}),
        "last_log_check": maybe_record(
            "The last check of the activity log", {"state": text("How it ended"), "at": maybe_time("When")}
        ),
        "timestamp": time("Now"),
    },
)
