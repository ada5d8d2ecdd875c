"""`manage.py tokens`: all tokens there are, without their texts."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from dashboard import wire
from dashboard.models import ApiToken
from dashboard.token_table import TokenRow, token_rows

NONE_YET = "There is no token yet. Make one: manage.py create_token NAME --scope SCOPE"


class Command(BaseCommand):
    help = "Lists the tokens of everybody, those that are valid first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, **options: Any) -> None:
        found = [_fields(row) for row in token_rows(ApiToken.objects.all(), datetime.now(UTC))]
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else _as_table(found))


def _fields(row: TokenRow) -> dict[str, Any]:
    token = row.token
    return {
        "id": token.pk,
        "name": token.name,
        "owner": str(token.owner),
        "state": row.state,
        "scopes": token.scopes,
        "tag": token.tag and token.tag.name,
        "network": token.network or None,
        **{name: _second(getattr(token, name)) for name in ("created_at", "expires_at", "last_used_at")},
        "last_used_from": token.last_used_from,
    }


def _second(at: datetime | None) -> str | None:
    return wire.timestamp(at and at.replace(microsecond=0))


def _as_table(found: Sequence[dict[str, Any]]) -> str:
    if not found:
        return NONE_YET
    lines = [[name.removesuffix("_at").replace("_", " ") for name in found[0]]]
    lines += [[_cell(value) for value in fields.values()] for fields in found]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cell(value: Any) -> str:
    return "–" if value is None else ", ".join(value) if isinstance(value, list) else str(value)
