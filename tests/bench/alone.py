"""Runs one benchmark in a process, a data folder and a database of its own.

`python -m tests.bench.alone NAME OPTIONS` prints what it found, a line of JSON each.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from typing import Any

from tests.bench.targets import Target
from tests.serve import ROOT
from tomo_monitor.processes import die_with_parent

Found = Target | tuple[str, str]


def measured(name: str, options: dict[str, Any], database_url: str = "") -> Iterator[Found]:
    """What the module `name` finds, as it finds it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
    with tempfile.TemporaryDirectory(prefix="tomo-bench-") as folder:
        environment = kept | {"TOMO_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "tomo_monitor.settings"}
        environment |= {"TOMO_DATABASE_URL": database_url} if database_url else {}
        command = [sys.executable, "-m", "tests.bench.alone", name, json.dumps(options)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            for line in running.stdout:
                found = json.loads(line)
                yield Target(**found) if isinstance(found, dict) else (found[0], found[1])
        if running.returncode:
            yield f"{name} broke off", f"exit code {running.returncode}"


def main() -> None:
    name, options = sys.argv[1], json.loads(sys.argv[2])
    die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it: nothing stays behind
    out, sys.stdout = sys.stdout, sys.stderr  # nothing else gets between the lines
    _prepare()
    for found in import_module(f"tests.bench.{name}").measure(**options):
        print(json.dumps(asdict(found) if isinstance(found, Target) else found), file=out, flush=True)


def _prepare() -> None:
    import django  # reads its settings from the environment of this process
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    logging.disable(logging.CRITICAL)
    settings.ALLOWED_HOSTS.append("testserver")
    for alias in settings.DATABASES:
        call_command("migrate", database=alias, verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)


if __name__ == "__main__":
    main()
