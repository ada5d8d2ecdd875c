"""The passphrase of exported keys: asked for on a terminal, or from a file or standard input."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path

from metrics.backups.errors import BackupError


def add_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--passphrase-file", type=Path, help="a file with the passphrase in its first line")


def passphrase(file: Path | None, *, is_new: bool) -> str:
    """Its first line; a new one is asked for twice. Raises BackupError."""
    if file is not None:
        try:
            return (file.read_text().splitlines() or [""])[0]
        except (OSError, UnicodeDecodeError) as wrong:
            raise BackupError(f"{file} cannot be read: {wrong}") from wrong
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    given = getpass.getpass("Passphrase: ")
    if is_new and getpass.getpass("The same again: ") != given:
        raise BackupError("They differ: try again.")
    return given
