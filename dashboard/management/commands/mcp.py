"""`manage.py mcp`: the tools for an AI assistant, over standard input and output."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from dashboard import tokens
from dashboard.mcp import calls

HERE = "127.0.0.1"  # where a token of one network is used from


class Command(BaseCommand):
    help = "Serve the tools for an AI assistant (Model Context Protocol) over standard input and output."

    def handle(self, **_options: Any) -> None:
        text = settings.TOMO["mcp_token"]
        if not text:
            raise CommandError("There is no token: put one into TOMO_MCP_TOKEN; manage.py create_token makes it.")
        try:
            tokens.check(text, HERE, datetime.now(UTC))
        except (tokens.Refused, tokens.TooOften) as refused:
            raise CommandError(f"TOMO_MCP_TOKEN: {refused}") from None
        from dashboard.mcp.server import over_stdio  # takes a second to import

        def call(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            """Checked each time: a token that was revoked meanwhile lets nobody in."""
            close_old_connections()
            try:
                return calls.call(tokens.check(text, HERE, datetime.now(UTC)), name, arguments)
            except (tokens.Refused, tokens.TooOften) as refused:
                return calls.refused(refused)
            finally:
                close_old_connections()

        with suppress(KeyboardInterrupt):
            asyncio.run(over_stdio(call))
