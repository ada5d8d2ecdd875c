"""Everything that is exposed, in Prometheus' text format or as OpenMetrics."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from dashboard.prometheus import families, summary
from dashboard.prometheus.tables import Family, Table
from metrics import newest
from metrics.app_queries import UNKNOWN
from metrics.models.server import ServerQuerySet

Told = Iterator[tuple[Iterable[Family], Table]]
"""Families with the rows that they are of."""


@dataclass(frozen=True, eq=False)
class Summary(Collector):
    """What a registry collects here."""

    metrics: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def exposition(servers: ServerQuerySet, at: datetime, *, is_openmetrics: bool) -> bytes:
    """These servers with their parts and apps, and the monitor itself; as many queries, however many they are."""
    known = Table.of(families.OF_SERVERS, newest.servers(servers, at, families.OF_SERVERS), families.SERVER)
    apps = Table.of(families.OF_APPS, newest.apps(servers, at, families.OF_APPS), families.APP)
    told = chain(_servers(known), _tags(servers), _parts(servers, at), _apps(apps))
    text = "".join(one.text(table, is_openmetrics=is_openmetrics) for group, table in told for one in group)
    failing, conditions = known.where("reason")["reason"], _conditions(apps)
    registry = CollectorRegistry()
    registry.register(Summary(chain(summary.fleet(servers, failing, conditions, at), summary.monitor(at))))
    return text.encode() + (openmetrics.generate_latest if is_openmetrics else generate_latest)(registry)


def _servers(known: Table) -> Told:
    yield families.STATES, known
    yield families.FAILING, known.where("reason")
    current = known.where("is_current")
    yield families.FIGURES, current
    yield families.COSTS, current.where("state__connection_polls")


def _tags(servers: ServerQuerySet) -> Told:
    yield families.TAGS, Table.of(families.OF_TAGS, newest.tags(servers), families.PART)


def _parts(servers: ServerQuerySet, at: datetime) -> Told:
    for model, label, more, figures, group in families.PARTS:
        names = ("server_id", "server__name", "name", *more)
        rows = newest.parts(model, servers, at, names, figures)
        yield group, Table.of((*names, *figures), rows, families.PART | {label: "name"})


def _apps(known: Table) -> Told:
    current = known.where("is_current")
    yield families.APPS, current
    yield families.CONTAINERS, current.where("is_sampled")


def _conditions(apps: Table) -> Iterator[str]:
    """How each app fares, as the summary counts them."""
    for condition, is_current in zip(apps["condition"], apps["is_current"], strict=True):
        yield condition if is_current else UNKNOWN
