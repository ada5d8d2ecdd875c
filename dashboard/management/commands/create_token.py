"""`manage.py create_token`: a bearer token for the JSON API."""

import ipaddress
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from dashboard import tokens
from dashboard.models import Scope
from metrics.management.commands._arguments import as_command
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
        parser.add_argument("--user", help="its owner (default: the only administrator)")
        parser.add_argument("--tag", help="only servers with this tag")
        parser.add_argument("--network", default="", help="only from this network, such as 10.0.0.0/8")
        parser.add_argument("--days", type=int, help="how long it is valid (default: until it is revoked)")

    def handle(self, **options: Any) -> None:
        with as_command():
            _token, text = tokens.create(
                options["name"],
                self._owner(options["user"]),
                sorted(set(options["scope"])),
                datetime.now(UTC),
                tag=self._tag(options["tag"]),
                network=self._network(options["network"]),
                lifetime=self._lifetime(options["days"]),
            )
        self.stdout.write(text)
        self.stderr.write("This is the only time that it is shown. Send it as `Authorization: Bearer …`.")

    def _owner(self, name: str | None) -> Any:
        users = get_user_model().objects.filter(is_active=True)
        found = users.filter(username=name) if name else users.filter(is_superuser=True)
        if found.count() != 1:
            raise CommandError(
                f"There is no active user {name!r}." if name else "Say with --user whose token it is to be."
            )
        return found.get()

    def _tag(self, name: str | None) -> Tag | None:
        tag = Tag.objects.filter(name=name).first() if name else None
        if name and tag is None:
            raise CommandError(f"No server has the tag {name!r}.")
        return tag

    def _network(self, text: str) -> str:
        try:
            return str(ipaddress.ip_network(text)) if text else ""
        except ValueError:
            raise CommandError(f"--network: {text!r} is not a network such as 10.0.0.0/8.") from None

    def _lifetime(self, days: int | None) -> timedelta | None:
        if days is not None and not 0 < days <= 3650:
            raise CommandError("--days: a whole number from 1 to 3650.")
        return timedelta(days=days) if days else None
