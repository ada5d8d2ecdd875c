"""The folder of a demo, apart from everything real, and the file in it by which it is known."""

import shutil
import time
from collections.abc import MutableMapping
from pathlib import Path

from activity import locks

KEEPS = (
    "TOMO_LISTEN TOMO_ALLOWED_HOSTS TOMO_PUBLIC_URL TOMO_TRUSTED_PROXIES TOMO_TIME_ZONE TOMO_LOG_FORMAT"
).split()  # a demo has no other settings: they could lead to real data
MARK = "demo"
PASSWORD = "demo_password"  # noqa: S105  # the name of a file, which is there once the demo is whole


class NoDemo(ValueError):
    """There is something else in the folder; the text says what to do."""


def turn_to(environment: MutableMapping[str, str]) -> None:
    """Have this process and its children use the demo's folder: the data folder's name with -demo, or ./data/demo.

    A demo that was not finished is begun anew. Raises NoDemo where there is something else.
    """
    given = environment.get("TOMO_DATA_DIR", "").rstrip("/")
    folder = Path(f"{given}-demo" if given else "./data/demo").expanduser().absolute()
    for name in [name for name in environment if name.startswith("TOMO_") and name not in KEEPS]:
        del environment[name]
    environment.update(TOMO_DATA_DIR=str(folder), TOMO_WATCH_SELF="off", TOMO_BACKUPS_KEPT="0")
    if folder.exists() and any(folder.iterdir()) and begun_at(folder) is None:
        raise NoDemo(f"{folder} holds something that is no demo: move it away, or set TOMO_DATA_DIR.")
    if not (folder / "keys" / PASSWORD).exists():
        _begin(folder)


def begun_at(folder: Path) -> int | None:
    """When the demo in this data folder was begun, epoch seconds; None if it holds no demo."""
    mark = folder / MARK
    return int(mark.read_text()) if mark.exists() else None


def _begin(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = locks.take(folder / "serve.lock")
    if lock:  # nobody makes it right now
        with lock:
            for left in folder.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            (folder / MARK).write_text(f"{int(time.time()) // 60 * 60}\n")
