"""`manage.py revoke_token`: end a token."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboard import tokens
from dashboard.models import ApiToken
from metrics.management.commands._arguments import as_command


class Command(BaseCommand):
    help = "Ends a token at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=int, help="the number in its text, tomo_ID_…, and in `manage.py tokens`")

    def handle(self, **options: Any) -> None:
        token = ApiToken.objects.filter(pk=options["id"], revoked_at__isnull=True).first()
        if token is None:
            raise CommandError(f"There is no token {options['id']} that could be revoked: see `manage.py tokens`.")
        with as_command():
            tokens.revoke(token, datetime.now(UTC))
        self.stdout.write(f"Token {token.name} is revoked.")
