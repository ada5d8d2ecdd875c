"""The newest figures of all servers, parts and apps at once, as bare rows: ten thousand models would take seconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import BooleanField, Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.utils.timezone import localdate

from metrics import app_queries, queries
from metrics.known_parts import SEEN_STEP
from metrics.models import App, Server, Status
from metrics.models.fields import OWNER_BITS
from metrics.models.parts import Part
from metrics.models.rollups import SAMPLES_OF
from metrics.models.server import ServerQuerySet

Rows = list[tuple[Any, ...]]


def servers(servers: ServerQuerySet, at: datetime, names: Sequence[str]) -> Rows:
    """These fields of each server, and of these: `is_current` (whether its newest sample may be shown), `now` (its
    status), `reason` (why it fails, unless it is paused) and `logins` (today's)."""
    found = servers.annotate(
        is_current=_flag(queries.is_fresh(at)),
        now=Case(When(paused=True, then=Value(Status.PAUSED)), default=F("state__status")),
        reason=Case(When(paused=True, then=Value("")), default=F("state__reason")),
        logins=Case(When(state__logins_on=localdate(at), then=F("state__logins")), default=Value(0)),
    )
    return list(found.order_by("pk").values_list(*names))


def tags(servers: ServerQuerySet) -> Rows:
    """Id and name of a server, and a tag of it."""
    found = Server.tags.through.objects.filter(server__in=servers).order_by("server", "tag__name")
    return list(found.values_list("server", "server__name", "tag__name"))


def parts(
    model: type[Part], servers: ServerQuerySet, at: datetime, names: Sequence[str], figures: Sequence[str]
) -> Rows:
    """These fields of the filesystems, interfaces or sensors that each server's newest sample saw, then their figures;
    of servers whose sample may be shown. Each figure is found by its key."""
    sample = SAMPLES_OF[model]._default_manager.filter(pk=OuterRef("sample"))
    found = (
        model._default_manager.filter(server__in=servers.filter(queries.is_fresh(at)))
        .filter(seen_at__gte=at - 2 * SEEN_STEP)
        .annotate(sample=F("server__latest__slot").bitleftshift(OWNER_BITS) + F("pk"))
        .filter(Exists(sample))
    )
    return list(found.order_by("pk").values_list(*names, *(Subquery(sample.values(figure)) for figure in figures)))


def apps(servers: ServerQuerySet, at: datetime, names: Sequence[str]) -> Rows:
    """These fields of each app that is there, and of these: `is_current` (whether it can be told of at present) and
    `is_sampled` (whether its figures are as new as its server's)."""
    found = (
        App.objects.present()
        .of(servers)
        .annotate(
            is_current=_flag(app_queries.is_current(at)),
            is_sampled=_flag(Q(latest__slot=F("server__latest__slot"))),
        )
    )
    return list(found.order_by("pk").values_list(*names))


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
