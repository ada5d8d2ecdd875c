"""What happened to an app between two polls: two readings of it in, what is worth recording out. Pure."""

from datetime import datetime
from signal import Signals

from activity.types import ActivityType, Result
from metrics.app_access import READABLE
from metrics.probe.reading import AppsStatus, Container, Health, State
from metrics.transitions import Change

DELIBERATE = frozenset({0, 130, 137, 143})
"""Exit codes of a stop that somebody wanted; 137 only without the out-of-memory flag."""

ENDED = frozenset({State.EXITED, State.DEAD})
ON_FAILURE = "on-failure"
STATUS_WORDS = {
    AppsStatus.OK: "containers are readable",
    AppsStatus.NO_CONTAINERS: "no containers",
    AppsStatus.NO_DOCKER: "no Docker",
    AppsStatus.NOT_ALLOWED: "not allowed to list the containers",
    AppsStatus.DAEMON_DOWN: "Docker's daemon is down",
    AppsStatus.UNREADABLE: "the list of containers is not readable",
}


def is_crash(container: Container) -> bool:
    """Whether it ended in a way that nobody wanted."""
    if container.state is State.DEAD:
        return True
    if container.state not in (State.EXITED, State.RESTARTING):
        return False
    return bool(container.is_out_of_memory) or container.exit_code not in (*DELIBERATE, None)


def signal_name(exit_code: int | None) -> str:
    """The signal that an exit code above 128 stands for, such as SIGKILL; "" for none."""
    try:
        return Signals(exit_code - 128).name if exit_code is not None and exit_code > 128 else ""
    except ValueError:
        return ""


def installed(app: str, now: Container) -> list[Change]:
    """An app that was not there before; one that crashed already, or is unhealthy, tells that, too."""
    changes = [Change(ActivityType.APP_INSTALLED, f"{app} installed: {now.image or 'image not known'}", _about(now))]
    return changes + (_ended(app, now) if is_crash(now) else []) + _health(app, now, was_unhealthy=False)


def uninstalled(app: str, before: Container) -> Change:
    return Change(ActivityType.APP_UNINSTALLED, f"{app} uninstalled", _about(before))


def appeared(app: str, now: Container) -> Change:
    """A container that no engine lists, by its cgroup alone."""
    return Change(ActivityType.APP_STARTED, f"{app} started", _about(now))


def vanished(app: str, before: Container) -> Change:
    """Its cgroup is gone; how it ended, only its engine knows."""
    return Change(ActivityType.APP_STOPPED, f"{app} stopped; how it ended cannot be read", _about(before))


def changed(
    app: str, before: Container, now: Container, *, kills: int | None, was_unhealthy: bool, has_rebooted: bool
) -> list[Change]:
    """What happened to an app that both readings saw.

    `kills` are the processes that the kernel killed for want of memory meanwhile, `was_unhealthy` whether it was told
    to be unhealthy and did not recover since. A reboot restarts everything and is told of the server, once.
    """
    if State.UNKNOWN in (before.state, now.state) or now.state is State.REMOVING:
        return []
    changes = []
    is_new = now.id != before.id
    if is_new:
        changes += _recreated(app, before, now)
    elif kills or (now.state is State.RUNNING and now.is_out_of_memory and not before.is_out_of_memory):
        changes.append(_out_of_memory(app, now, kills))
    told = {change.kind for change in changes}
    life = _life(app, before, now, is_new=is_new, has_rebooted=has_rebooted)
    changes += [change for change in life if change.kind not in told]
    return changes + _health(app, now, was_unhealthy=was_unhealthy)


def status_changed(server: str, before: str, now: AppsStatus) -> list[Change]:
    """The list of containers can be read no more, or can again. The first answer is a baseline."""
    if not before or before == now or (before in READABLE and now in READABLE):
        return []
    kind = ActivityType.APPS_READABLE if now in READABLE else ActivityType.APPS_UNREADABLE
    details: dict[str, object] = {"before": before, "after": str(now)}
    return [
        Change(kind, f"{server}: {STATUS_WORDS[now]}", details, Result.SUCCESS if now in READABLE else Result.FAILURE)
    ]


def _recreated(app: str, before: Container, now: Container) -> list[Change]:
    """Another container took its place: a new image is a new version."""
    is_other_image = now.image_id != before.image_id if now.image_id and before.image_id else now.image != before.image
    if is_other_image:
        images: dict[str, object] = {
            "before": {"image": before.image, "image_id": before.image_id},
            "after": {"image": now.image, "image_id": now.image_id},
        }
        return [Change(ActivityType.APP_UPDATED, f"{app} updated: {before.image} → {now.image}", images)]
    if before.state is State.RUNNING and now.state is State.RUNNING:
        return [Change(ActivityType.APP_RESTARTED, f"{app} was created anew from the same image", _about(now))]
    return []


def _life(app: str, before: Container, now: Container, *, is_new: bool, has_rebooted: bool) -> list[Change]:
    """Started, stopped, crashed, restarted."""
    ran_since = bool(now.started_at and (is_new or _is_later(now.started_at, before.started_at)))
    is_known_late = bool(now.is_out_of_memory and not before.is_out_of_memory)
    if now.state is State.RUNNING:
        if before.state is State.RUNNING:
            return [] if is_new or has_rebooted else _restarted(app, before, now, ran_since=ran_since)
        if before.state is State.RESTARTING and not is_new:
            return [Change(ActivityType.APP_RESTARTED, f"{app} runs again{_times(now)}", _about(now))]
        how = "resumed" if before.state is State.PAUSED and not is_new else "started"
        return [Change(ActivityType.APP_STARTED, f"{app} {how}", _about(now))]
    if now.state is State.PAUSED:
        return [Change(ActivityType.APP_STOPPED, f"{app} paused", _about(now))] if before.state is State.RUNNING else []
    if now.state is State.RESTARTING:
        return _ended(app, now) if before.state is not State.RESTARTING or is_new else []
    if now.state in ENDED:
        return _ended(app, now) if before.state not in ENDED or ran_since or is_known_late else []
    if before.state is State.RUNNING and is_new:
        return [Change(ActivityType.APP_STOPPED, f"{app} was created anew and does not run", _about(now))]
    return []  # created, and not started yet


def _is_later(now: datetime, before: datetime | None) -> bool:
    """By whole seconds where one of them has no parts of them: lists have none, inspections do."""
    if before is None:
        return False
    if now.microsecond and before.microsecond:
        return now > before
    return int(now.timestamp()) > int(before.timestamp())


def _restarted(app: str, before: Container, now: Container, *, ran_since: bool) -> list[Change]:
    """It runs, as it did before, but in between it may have ended: the count of its restarts and its start tell."""
    times = (now.restart_count or 0) - (before.restart_count or 0)
    if before.restart_count is not None and times > 0:
        details = _about(now) | {"restarts": times}
        how = "once" if times == 1 else f"{times} times"
        if now.restart_policy == ON_FAILURE:
            message = f"{app} crashed and was restarted {how}"
            return [Change(ActivityType.APP_CRASHED, message, details, Result.FAILURE)]
        message = f"{app} ended and was restarted {how} by its restart policy"
        return [Change(ActivityType.APP_RESTARTED, message, details, Result.FAILURE)]
    return [Change(ActivityType.APP_RESTARTED, f"{app} was restarted", _about(now))] if ran_since else []


def _ended(app: str, now: Container) -> list[Change]:
    """It ended: as somebody wanted, or not; one that its policy restarts after a clean end is restarted."""
    details = _about(now)
    code = "" if now.exit_code is None else f"exit code {now.exit_code}"
    told = f"{code} ({signal_name(now.exit_code)})" if signal_name(now.exit_code) else code
    if is_crash(now):
        changes = [_out_of_memory(app, now, None)] if now.is_out_of_memory else []
        why = ", ".join(filter(None, (told, "out of memory" if now.is_out_of_memory else "")))
        message = f"{app} crashed: {why or now.state}{_times(now)}"
        return [*changes, Change(ActivityType.APP_CRASHED, message, details, Result.FAILURE)]
    if now.state is State.RESTARTING:
        message = f"{app} ended and is restarted by its restart policy{_times(now)}"
        return [Change(ActivityType.APP_RESTARTED, message, details)]
    return [Change(ActivityType.APP_STOPPED, f"{app} stopped" + (f": {told}" if told else ""), details)]


def _out_of_memory(app: str, now: Container, kills: int | None) -> Change:
    killed = f": the kernel killed {kills} of its processes" if kills else ""
    details = _about(now) | ({"kills": kills} if kills else {})
    return Change(ActivityType.APP_OUT_OF_MEMORY, f"{app} ran out of memory{killed}", details, Result.FAILURE)


def _health(app: str, now: Container, *, was_unhealthy: bool) -> list[Change]:
    if now.health is Health.UNHEALTHY and not was_unhealthy:
        message = f"{app} is unhealthy: its health check fails"
        return [Change(ActivityType.APP_UNHEALTHY, message, _about(now), Result.FAILURE)]
    if now.health is Health.HEALTHY and was_unhealthy:
        return [Change(ActivityType.APP_RECOVERED, f"{app} recovered: its health check passes", _about(now))]
    return []


def _times(now: Container) -> str:
    return f", restarted {now.restart_count} times so far" if now.restart_count else ""


def _about(one: Container) -> dict[str, object]:
    """What is known of the container, as details of an activity."""
    known = {
        "container_id": one.id,
        "image": one.image,
        "state": str(one.state),
        "exit_code": one.exit_code,
        "signal": signal_name(one.exit_code),
        "out_of_memory": one.is_out_of_memory,
        "restart_count": one.restart_count,
        "started_at": one.started_at and one.started_at.isoformat(),
        "finished_at": one.finished_at and one.finished_at.isoformat(),
    }
    return {name: value for name, value in known.items() if value not in (None, "")}
