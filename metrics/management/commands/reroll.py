"""`manage.py reroll --from TIME --to TIME`: makes roll-ups again, out of what is still kept."""

from argparse import ArgumentParser
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from metrics import rollups
from metrics.instants import WrongInstant, parse_instant
from metrics.management.commands._progress import Progress
from metrics.periods import BUCKETS, Resolution


class Command(BaseCommand):
    help = "Makes the roll-ups of a stretch of time again, out of what is still kept, while the product runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="since", required=True, help="when it begins, such as 2026-01-31T12:00:00Z")
        parser.add_argument("--to", dest="until", help="when it ends; without it, now")

    def handle(self, **options: Any) -> None:
        zone, now = ZoneInfo(settings.TIME_ZONE), datetime.now(UTC)
        try:
            since = parse_instant(options["since"], zone)
            until = parse_instant(options["until"], zone) if options["until"] else now
        except WrongInstant as wrong:
            raise CommandError(str(wrong)) from None
        if since >= until:
            raise CommandError("--from has to be before --to.")
        made = self._reroll(int(since.timestamp()), int(min(until, now).timestamp()))
        self.stdout.write("Made again: " + ", ".join(f"{n} of {one.label}" for one, n in made.items()) + ".")

    def _reroll(self, start: int, end: int) -> dict[Resolution, int]:
        made = dict.fromkeys(BUCKETS, 0)
        wanted = {one: len(rollups.can_be_made_again(one, start, end)) for one in BUCKETS}
        if not any(wanted.values()):
            raise CommandError(
                "Nothing of that time can be made again: it is not rolled up yet, or its samples are gone."
            )
        with closing(Progress(self.stderr)) as progress:

            def tell(resolution: Resolution, _start: int) -> None:
                made[resolution] += 1
                progress(f"Buckets of {resolution.label}", made[resolution] / wanted[resolution])

            rollups.reroll(start, end, tell)
        return made
