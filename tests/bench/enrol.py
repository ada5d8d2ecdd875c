"""Fills a product's empty database with servers that are ready to be polled, and signs an administrator in.

`python -m tests.bench.enrol FILE` takes what `Machines` know as JSON and prints the session's cookie.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tomo_monitor.settings")

import django

django.setup()
logging.disable(logging.CRITICAL)

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django.test import Client  # noqa: E402

from metrics import servers  # noqa: E402
from metrics.models import Server  # noqa: E402
from metrics.servers import Secret  # noqa: E402

AT_ONCE = 100


def main() -> None:
    for alias in ("default", "queue"):
        call_command("migrate", database=alias, verbosity=0)
    told = json.loads(Path(sys.argv[1]).read_text())
    enrol(told["machines"], told["user"], told["key"], told["host_key"])
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench", password="a password of benchmarks"))
    print("; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items()))


def enrol(machines: list[dict[str, str]], user: str, key: str, host_key: dict[str, str]) -> list[Server]:
    """Each machine as a server with this key, whose host key is accepted: from now on they are polled."""
    at, secret = datetime.now(UTC), Secret.from_key(key)
    added = []
    for start in range(0, len(machines), AT_ONCE):
        with transaction.atomic():
            for one in machines[start : start + AT_ONCE]:
                server = Server(name=one["name"], hostname=one["hostname"], port=one["port"], username=user)
                servers.add(server, secret, ["production"], at)
                servers.accept_host_keys(server, [host_key], at)
                servers.begin_polling(server, at)
                added.append(server)
    return added


if __name__ == "__main__":
    main()
