"""Runs the benchmarks and prints their table."""

import os
import sys
import tempfile

os.environ["DJANGO_SETTINGS_MODULE"] = "tomo_monitor.settings"
os.environ["TOMO_DATA_DIR"] = tempfile.mkdtemp(prefix="tomo-bench-")
os.environ["TOMO_LOG_FORMAT"] = "json"

import logging

import django

django.setup()
logging.disable(logging.CRITICAL)

from django.core.management import call_command  # noqa: E402

from tests.bench import activity, collection, pages, storage  # noqa: E402


def main() -> None:
    for alias in ("default", "queue"):
        call_command("migrate", database=alias, verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    for module in (collection, storage, pages, activity):
        print(f"\n## {module.__doc__.rstrip('.')}\n")  # type: ignore[union-attr]
        print("| What | Figure |\n|---|---|")
        for what, figure in module.measure():
            print(f"| {what} | {figure} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
