"""A file that is locked goes with its process, however that ends: what may be done by one process at a time."""

import fcntl
from pathlib import Path
from typing import BinaryIO

from django.conf import settings


def take(path: Path) -> BinaryIO | None:
    """Hold this lock until the file is closed; None if somebody else has it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def take_product() -> BinaryIO | None:
    """Held by the one product that runs with this data folder; None if it is held already."""
    return take(Path(settings.DATA_DIR) / "serve.lock")
