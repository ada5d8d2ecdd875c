"""The lines that let Tomo Monitor in at a server. Pure."""

import base64
import gzip
from functools import cache

from metrics.probe import protocol


def restricted(public_key: str) -> str:
    """A line whose key can run the probe and nothing else: the probe is in it, packed, as forced command."""
    return f'restrict,command="{_command()}" {public_key}' if public_key else ""


def simple(public_key: str) -> str:
    """A line without forwarding or a terminal, whose key gets a shell."""
    return f"restrict {public_key}" if public_key else ""


@cache
def _command() -> str:
    packed = base64.b64encode(gzip.compress(protocol.script().encode(), mtime=0)).decode()
    return f'exec sh -c \\"$(echo {packed}|base64 -d|gzip -dc)\\"'
