"""`manage.py metrics`: the history of a server, or of an app on it."""

from argparse import ArgumentParser
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.core.management.base import CommandError

from dashboard import figures, terminal, wire
from dashboard.figures import Figures
from dashboard.management.commands._reading import ReadingCommand
from dashboard.templatetags.units import binary_bytes, byte_rate, duration, load, number, percent
from dashboard.terminal import Cell, Column
from metrics import app_queries, periods, queries, samples
from metrics.management.commands._arguments import app_named, instant_of, nearest, server_named
from metrics.models import App, Server
from metrics.periods import PERIODS, Span
from metrics.series import Series

USUAL = (
    "cpu_percent memory_percent swap_percent disk_percent load_average_1m network_rx_bytes_per_second"
    " network_tx_bytes_per_second disk_read_bytes_per_second disk_written_bytes_per_second"
).split()
USUAL_OF_APP = (
    "cpu_percent memory_used_bytes network_rx_bytes_per_second network_tx_bytes_per_second"
    " disk_read_bytes_per_second disk_written_bytes_per_second restart_count"
).split()
UNITS: dict[str, Callable[[Any], str]] = {  # by how a public name ends: the first that fits
    "_percent": percent,
    "_bytes_per_second": byte_rate,
    "_bytes": binary_bytes,
    "_seconds": duration,
    "_mb": lambda value: binary_bytes(None if value is None else value * figures.MIB),
    "_gb": lambda value: binary_bytes(None if value is None else value * figures.GIB),
}
MOST_BLOCKS, FEWEST_BLOCKS = 60, 8

Samples = list[dict[str, Any]]


class Figure(NamedTuple):
    """A figure by its public name, in each step and over all of them."""

    name: str
    values: list[float | None]
    lowest: float | None
    mean: float | None
    highest: float | None
    last: float | None

    @property
    def cells(self) -> list[Cell | str]:
        """Its name without the unit, which each value has."""
        ending = next((ending for ending in UNITS if self.name.endswith(ending)), "")
        told = UNITS[ending] if ending else load if self.name.startswith("load_") else number
        values = (self.lowest, self.mean, self.highest, self.last)
        return [self.name.removesuffix(ending).replace("_", " "), *map(told, values)]

    @property
    def top(self) -> float | None:
        """What a full block stands for; None is the highest there is."""
        return 100 if self.name.endswith("_percent") else None


@dataclass(frozen=True)
class Told:
    """The history of a server, or of an app, as public samples."""

    about: dict[str, int]
    name: str
    figures: Figures
    series: Series
    samples: Callable[[Series, Collection[str]], Samples]

    def ends(self, names: Collection[str]) -> tuple[Samples, Samples]:
        """The samples with the lowest and the highest figures of each step. A disk is fullest when least is free."""
        free, low, high = "disk_available_bytes", self.series.low, self.series.high
        crossed = (low | {free: high[free]}, high | {free: low[free]}) if free in low else (low, high)
        lowest, highest = (self.samples(replace(self.series, mean=means), names) for means in crossed)
        return lowest, highest


class Command(ReadingCommand):
    help = "Prints the history of a server or an app: a sparkline, the lowest, mean, highest and last of each figure."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("server", metavar="NAME|ID", help="the server")
        parser.add_argument("--app", metavar="NAME|ID", help="an app on it, instead of the server")
        parser.add_argument("--period", choices=PERIODS, help="up to now (default: 24h)")
        parser.add_argument("--from", dest="since", metavar="TIME", help="such as 90d or 2026-01-31T12:00:00Z")
        parser.add_argument("--to", dest="until", metavar="TIME", help="likewise; without it, now")
        parser.add_argument("--series", default="", metavar="NAMES", help="these figures alone, separated by commas")
        forms = parser.add_mutually_exclusive_group()
        forms.add_argument("--json", action="store_true", help="each step as JSON, with the names of the API")
        forms.add_argument("--csv", action="store_true", help="the same as a table for spreadsheets")

    def read(self, at: datetime, options: dict[str, Any]) -> None:
        server = server_named(options["server"])
        app = app_named(options["app"], server) if options["app"] else None
        period, span = self._span(at, options)
        told = _of_app(app, span) if app else _of_server(server, span)
        chosen = _chosen(options["series"], told.figures)
        if options["json"]:
            self.print_json(_answer(told, period, chosen))
        elif options["csv"]:
            found = told.samples(told.series, chosen or told.figures)
            names = list(found[0]) if found else ["timestamp", *(chosen or told.figures), "samples"]
            self.print_csv([names, *(list(one.values()) for one in found)])
        else:
            self._tell(told, chosen or (USUAL_OF_APP if app else USUAL), shows_all=bool(chosen))

    def _span(self, at: datetime, options: dict[str, Any]) -> tuple[str | None, Span]:
        """The period that is asked for, or None for a free range, and its span."""
        since, until = (
            instant_of(options[name], option, self.zone, at) if options[name] else None
            for name, option in (("since", "--from"), ("until", "--to"))
        )
        if since is None and until is None:
            period = options["period"] or "24h"
            return period, samples.period_span(period, at)
        if options["period"] or since is None:
            raise CommandError("Give either --period, or --from with or without --to.")
        try:
            return None, samples.range_span(since, until or at, at)
        except periods.WrongRange as wrong:
            raise CommandError(f"--from: {wrong}") from None

    def _tell(self, told: Told, names: Sequence[str], *, shows_all: bool) -> None:
        span, coverage = told.series.span, told.series.coverage
        start, end = (self.clock(datetime.fromtimestamp(second, UTC)) for second in (span.start, span.end))
        self.say(
            f"{told.name}, {start} to {end} in steps of {duration(span.step)},"
            f" {percent(None if coverage is None else 100 * coverage)} of the samples"
        )
        shown = [one for one in _figures(told, names) if shows_all or one.last is not None]
        if not any(told.series.counts) or not shown:
            self.say("Nothing is known of that time. A longer one may have more: --period 30d, or --from 90d.")
            return
        columns = [Column("figure"), *(Column(name, is_number=True) for name in ("lowest", "mean", "highest", "last"))]
        cells = [one.cells for one in shown]
        blocks = min(self.width - terminal.natural_width(columns, cells) - len(terminal.BETWEEN), MOST_BLOCKS)
        if blocks >= FEWEST_BLOCKS and terminal.draws_blocks(self.stdout):
            columns.insert(1, Column("history"))
            for one, row in zip(shown, cells, strict=True):
                row.insert(1, terminal.sparkline(one.values, blocks, one.top))
        self.print_table(columns, cells)


def _of_server(server: Server, span: Span) -> Told:
    def samples_of(series: Series, names: Collection[str]) -> Samples:
        return wire.samples(server.pk, series, names)

    series = queries.server_series(server.pk, span)
    return Told({"server_id": server.pk}, server.name, figures.SERVER, series, samples_of)


def _of_app(app: App, span: Span) -> Told:
    history = app_queries.app_history(app, span)

    def samples_of(series: Series, names: Collection[str]) -> Samples:
        return wire.app_samples(replace(history, series=series), names)

    about = {"server_id": app.server_id, "app_id": app.pk}
    return Told(about, f"{app.name} on {app.server.name}", figures.APP, history.series, samples_of)


def _chosen(text: str, known: Collection[str]) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    for name in found:
        if name not in known:
            near = nearest(name, known)
            told = f"Did you mean {' or '.join(near)}?" if near else f"Allowed: {', '.join(known)}."
            raise CommandError(f"--series: {name!r} is not known. {told}")
    return found


def _answer(told: Told, period: str | None, chosen: Collection[str]) -> dict[str, Any]:
    """As the API answers; of chosen figures, those alone."""
    metrics = told.samples(told.series, chosen or told.figures)
    return {**told.about, **wire.history(period, told.series, metrics)}


def _figures(told: Told, names: Sequence[str]) -> list[Figure]:
    means = told.samples(told.series, names)
    lowest, highest = told.ends(names)
    steps = [step for step, count in enumerate(told.series.counts) if count]
    return [_figure(name, told.series.span.points, steps, means, lowest, highest) for name in names]


def _figure(name: str, points: int, steps: list[int], means: Samples, lowest: Samples, highest: Samples) -> Figure:
    by_step = {step: one[name] for step, one in zip(steps, means, strict=True)}
    known = [(one[name], one["samples"]) for one in means if one[name] is not None]
    return Figure(
        name,
        [by_step.get(step) for step in range(points)],
        min((one[name] for one in lowest if one[name] is not None), default=None),
        sum(value * count for value, count in known) / sum(count for _, count in known) if known else None,
        max((one[name] for one in highest if one[name] is not None), default=None),
        known[-1][0] if known else None,
    )
