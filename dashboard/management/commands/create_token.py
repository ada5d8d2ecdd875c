"""`manage.py create_token`: a bearer token for the JSON API."""

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from dashboard import tokens
from dashboard.models import Scope
from metrics.management.commands._arguments import as_command, told
from metrics.models import Tag


class Command(BaseCommand):
    help = "Makes a token and prints it, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what it is for")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=Scope.values,
            metavar="SCOPE",
            help=f"may be given several times; one of {', '.join(Scope.values)}",
        )
        parser.add_argument("--owner", "--user", help="whose it is (default: the only administrator's)")
        parser.add_argument("--tag", help="only servers with this tag")
        parser.add_argument("--network", default="", help="only from this network, such as 10.0.0.0/8")
        parser.add_argument(
            "--expires",
            "--days",
            default=tokens.USUAL_DAYS,
            metavar="DAYS",
            help=f"after so many days, or {tokens.NEVER} (default: {tokens.USUAL_DAYS})",
        )

    def handle(self, **options: Any) -> None:
        with as_command():
            try:
                token, text = tokens.create(
                    options["name"],
                    self._owner(options["owner"]),
                    options["scope"],
                    datetime.now(UTC),
                    tag=self._tag(options["tag"]),
                    network=options["network"],
                    lifetime=self._lifetime(options["expires"]),
                )
            except ValidationError as wrong:
                raise CommandError(told(wrong)) from None
        self.stdout.write(text)
        until = f"on {token.expires_at:%Y-%m-%d}" if token.expires_at else "only when it is revoked"
        self.stderr.write(f"This is the only time that it is shown. It ends {until}.")
        self.stderr.write("Send it as `Authorization: Bearer …`.")

    def _owner(self, name: str | None) -> Any:
        users = get_user_model().objects.filter(is_active=True)
        found = users.filter(username=name) if name else users.filter(is_superuser=True)
        if found.count() != 1:
            raise CommandError(
                f"There is no active user {name!r}." if name else "Say with --owner whose token it is to be."
            )
        return found.get()

    def _tag(self, name: str | None) -> Tag | None:
        tag = Tag.objects.filter(name=name).first() if name else None
        if name and tag is None:
            raise CommandError(f"No server has the tag {name!r}.")
        return tag

    def _lifetime(self, days: str) -> timedelta | None:
        try:
            return tokens.lifetime(days)
        except ValidationError as wrong:
            raise CommandError(f"--expires: {told(wrong)}") from None
