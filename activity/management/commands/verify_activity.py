"""`manage.py verify_activity`: whether the activity log is what was written. 0 whole, 1 broken, 2 no anchor."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_aware, make_aware

from activity import anchors, verification
from activity.verification import State, Verdict

EXIT_CODES = {State.WHOLE: 0, State.BROKEN: 1, State.ANCHOR_MISSING: 2}


class Command(BaseCommand):
    help = "Checks every row of the activity log. Ends with 0 if it is whole, 1 if broken, 2 if an anchor is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anchor", type=Path, metavar="FILE", help="compare with these anchors instead of the data folder's"
        )
        parser.add_argument("--since", metavar="TIME", help="only rows from this day or time on, such as 2026-01-31")
        parser.add_argument("--json", action="store_true", help="the verdict as one line of JSON")

    def handle(self, **options: Any) -> None:
        since = self._since(options["since"])
        tell = self._tell if sys.stderr.isatty() else lambda rows, last_id: None
        try:
            anchored = anchors.read(options["anchor"] or anchors.path())
            verdict = verification.verify(anchored=anchored, since=since, tell=tell)
        except anchors.AnchorMissing as missing:
            verdict = verification.without_anchor(verification.verify(since=since, tell=tell), missing)
        self.stdout.write(_as_json(verdict) if options["json"] else _in_words(verdict))
        if code := EXIT_CODES[verdict.state]:
            sys.exit(code)

    def _since(self, text: str | None) -> datetime | None:
        try:
            at = text and (parse_datetime(text) or datetime.fromisoformat(f"{parse_date(text)}T00:00:00"))
        except ValueError:
            raise CommandError(f"--since is {text!r}. Allowed: a day or a time, such as 2026-01-31T12:00Z.") from None
        return (at if is_aware(at) else make_aware(at)) if at else None

    def _tell(self, rows: int, last_id: int) -> None:
        self.stderr.write(f"\r{rows} rows whole, up to row {last_id}", ending="")


def _as_json(verdict: Verdict) -> str:
    return json.dumps(
        {
            "state": verdict.state,
            "rows": verdict.rows,
            "last_row": verdict.last_id,
            "broken_at": verdict.broken_at,
            "explanation": verdict.explanation,
            "missing_triggers": list(verdict.missing_triggers),
        }
    )


def _in_words(verdict: Verdict) -> str:
    said = {
        State.WHOLE: f"The activity log is whole: {verdict.rows} rows, up to row {verdict.last_id}.",
        State.BROKEN: f"The activity log is broken at row {verdict.broken_at}: {verdict.explanation}.",
        State.ANCHOR_MISSING: verdict.explanation,
    }[verdict.state]
    if verdict.missing_triggers:
        said += " Its triggers are gone; `manage.py migrate` makes them again."
    return said
