"""Which apps are known of some servers, and following them from one reading to the next."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from metrics import app_identity, app_transitions
from metrics.models import App, Condition, Container, Server
from metrics.probe.container_rates import ContainerFigures
from metrics.probe.reading import Container as Seen
from metrics.probe.reading import Containers, Health, State
from metrics.transitions import Change

NEW_CONTAINERS_A_DAY = 1000
INSPECTED = ("is_out_of_memory", "restart_count", "restart_policy", "started_at", "finished_at")
MOST_APPS = 1000  # of one server at a time; a list that was cut says of none that it is gone


@dataclass(frozen=True)
class AppChange:
    """Something to record about one app."""

    app: App
    change: Change


@dataclass
class Followed:
    """What following a server's apps came to: their ids by container, and what happened to them."""

    ids: dict[str, int]
    changes: list[AppChange] = field(default_factory=list)


class KnownApps:
    """The apps of some servers, each one's id by its container: one query, however many there are.

    They are known for one revision of a server's list; any other is followed and looked up anew.
    """

    def __init__(self) -> None:
        self._ids: dict[int, dict[str, int]] = {}
        self._revisions: dict[int, str] = {}

    def look_up(self, servers: Sequence[Server]) -> None:
        new = {one.pk: one.state.apps_revision for one in servers}
        new = {pk: revision for pk, revision in new.items() if self._revisions.get(pk) != revision or not revision}
        if not new:
            return
        self._revisions |= new
        self._ids |= {pk: {} for pk in new}
        present = App.objects.present().filter(server__in=new)
        for server_id, container_id, app_id in present.values_list("server_id", "container_id", "pk"):
            self._ids[server_id][container_id] = app_id

    def forget(self, server: int) -> None:
        self._revisions.pop(server, None)
        self._ids.pop(server, None)

    def unchanged(self, server: Server) -> Followed:
        """Where the list is the one that was stored last."""
        return Followed(self._ids[server.pk])

    def follow(
        self,
        server: Server,
        at: datetime,
        seen: Containers,
        figures: dict[str, ContainerFigures],
        *,
        announced: frozenset[str],
        has_rebooted: bool,
        booted_at: int | None,
    ) -> Followed:
        """Bring a server's apps up to date with what was seen.

        Only what is of `announced` engines is announced ("" for what no engine lists): of any other this is the
        baseline. `has_rebooted` since the poll before; `booted_at`, in epoch seconds, where not all engines answered
        that one.
        """
        found = app_identity.keys(self._told_apart(server, seen))
        here = {app.key: app for app in server.apps.present()}
        gone = {app.key: app for app in server.apps.filter(key__in=found.keys() - here.keys())}
        matched = app_identity.matched(found, {key: app.container_id for key, app in here.items()})
        for key in [key for key, known in matched.items() if key != known and key in gone]:
            _make_way(gone.pop(key))
        followed = Followed({})
        new = _New(server, at, announced, room=MOST_APPS - len(here))
        for key, container in found.items():
            app = here.get(matched.get(key, ""))
            if app is None:
                app, changes = new.app(key, container, gone.get(key))
            else:
                kills = figures[container.id].out_of_memory_kills if container.id in figures else None
                is_older = has_rebooted or _started_before(app, booted_at)
                changes = _update(app, key, container, at, new, kills=kills, has_rebooted=is_older)
            if app:
                followed.ids[container.id] = app.pk
                followed.changes += [AppChange(app, change) for change in changes]
        known = self._ids[server.pk].items()
        taken = set(followed.ids.values())
        followed.ids = {i: app_id for i, app_id in known if i in seen.by_id and app_id not in taken} | followed.ids
        for key in here.keys() - set(matched.values()):
            followed.changes += _remove(here[key], seen, at, announced)
        self._revisions.pop(server.pk)
        return followed

    def _told_apart(self, server: Server, seen: Containers) -> Iterable[Seen]:
        """Without those that run, but whose engine cannot be asked now, where they are known from before."""
        known = self._ids[server.pk]
        named = set(App.objects.filter(pk__in=known.values(), is_bare=False).values_list("container_id", flat=True))
        return (one for i, one in seen.by_id.items() if not (one.is_bare and i in named))


@dataclass
class _New:
    """Apps and containers that were not known: bounded, whatever a server makes up."""

    server: Server
    at: datetime
    announced: frozenset[str]
    room: int
    _today: int | None = None

    def app(self, key: str, seen: Seen, gone: App | None) -> tuple[App | None, list[Change]]:
        """A new app, or one that is back. None where there is no room for more."""
        if self.room <= 0 or not self._may_add():
            return None, []
        self.room -= 1
        app = gone or App(server=self.server, added_at=self.at)
        before = gone.seen() if gone else None
        _set(app, key, seen)
        app.removed_at = None
        app.unhealthy_since = self.at if seen.health is Health.UNHEALTHY else None
        app.save()
        if before is None or before.id != seen.id:
            self.container(app)
        if _origin(app) not in self.announced:
            return app, []
        if seen.is_bare:
            return app, [app_transitions.appeared(_called(app), seen)]
        return app, app_transitions.installed(_called(app), seen)

    def container(self, app: App) -> None:
        """A new instance of an app takes the place of the one before."""
        if self._may_add():
            app.containers.filter(replaced_at__isnull=True).update(replaced_at=self.at)
            app.containers.create(
                container_id=app.container_id,
                name=app.container_name,
                image=app.image,
                image_id=app.image_id,
                first_seen_at=self.at,
            )
            self._today = (self._today or 0) + 1

    def _may_add(self) -> bool:
        if self._today is None:
            since = self.at - timedelta(days=1)
            self._today = Container.objects.filter(app__server=self.server, first_seen_at__gt=since).count()
        return self._today < NEW_CONTAINERS_A_DAY


def _update(
    app: App, key: str, now: Seen, at: datetime, new: _New, *, kills: int | None, has_rebooted: bool
) -> list[Change]:
    """An app that both readings saw."""
    stored, before = vars(app).copy(), app.seen()
    was_bare, was_unhealthy = app.is_bare, app.unhealthy_since is not None
    changes = []
    if not was_bare and not now.is_bare:
        changes = app_transitions.changed(
            _called(app), before, now, kills=kills, was_unhealthy=was_unhealthy, has_rebooted=has_rebooted
        )
    _set(app, key, now)
    if now.health is Health.UNHEALTHY and not was_unhealthy:
        app.unhealthy_since = at
    elif now.health is Health.HEALTHY or now.state is not State.RUNNING:
        app.unhealthy_since = None
    if vars(app) != stored:
        app.save()
    if before.id != now.id:
        new.container(app)
    return changes


def _started_before(app: App, booted_at: int | None) -> bool:
    """Whether what was seen of it last is of before a boot: right after one, an engine may not answer yet."""
    return bool(booted_at and app.started_at and app.started_at.timestamp() < booted_at)


def _remove(app: App, seen: Containers, at: datetime, announced: frozenset[str]) -> list[AppChange]:
    """An app that was not seen: gone only if its own engine listed all that it has."""
    container = app.seen()
    if seen.is_cut:
        return []
    if app.is_bare:
        change = app_transitions.vanished(_called(app), container)
    elif container.engine in seen.answered and container.id not in seen.by_id:
        change = app_transitions.uninstalled(_called(app), container)
    else:
        return []
    app.removed_at, app.condition = at, Condition.STOPPED
    app.save()
    app.containers.filter(replaced_at__isnull=True).update(replaced_at=at)
    has_other_name = app.is_bare and container.id in seen.by_id  # another app's container, which was created anew
    return [] if _origin(app) not in announced or has_other_name else [AppChange(app, change)]


def _origin(app: App) -> str:
    """The engine that lists it, "" for none."""
    return "" if app.is_bare else app.engine


def _make_way(gone: App) -> None:
    """Another app was given the name of one that is gone: its history stays, under a key that no name can be."""
    App.objects.filter(pk=gone.pk).update(key=f"{gone.key}\n{gone.pk}"[-300:])


def _set(app: App, key: str, seen: Seen) -> None:
    """The app as this container shows it."""
    app.key, app.name = key[:300], app_identity.name(key, seen)
    app.project, app.service, app.engine = seen.project, seen.service, str(seen.engine or "")
    is_same = app.container_id == seen.id
    app.container_id, app.container_name = seen.id, seen.name
    app.image, app.image_id = seen.image, seen.image_id
    app.state, app.health, app.condition = str(seen.state), str(seen.health or ""), condition(seen)
    app.exit_code, app.created_at, app.is_bare = seen.exit_code, seen.created_at, seen.is_bare
    for name in INSPECTED:  # what no inspection told this time is as it was
        if getattr(seen, name) not in (None, "") or not is_same:
            setattr(app, name, getattr(seen, name))


def condition(seen: Seen) -> Condition:
    """Running, stopped or error: the three add up to all."""
    is_broken = seen.state in (State.DEAD, State.RESTARTING) or seen.health is Health.UNHEALTHY
    if is_broken or app_transitions.is_crash(seen):
        return Condition.ERROR
    return Condition.RUNNING if seen.state is State.RUNNING else Condition.STOPPED


def _called(app: App) -> str:
    return f"{app.name} on {app.server.name}"
