"""Runs pytest on PostgreSQL and Redis: `python -m tests.on_postgresql [pytest arguments]`."""

import os
import subprocess
import sys

from tests.postgresql import Postgresql
from tests.redis import Redis

PYTEST = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-m", "not sqlite"]
CHOSEN = """
    tests/metrics/test_store.py tests/metrics/test_queries.py tests/metrics/test_partitions.py
    tests/metrics/test_leases.py tests/metrics/test_app_queries.py tests/dashboard/test_pages.py
    tests/dashboard/test_apps_api.py tests/activity/test_events.py tests/activity/test_log.py
    tests/activity/test_queries.py
""".split()  # what asks the database most, and in every way


def main(arguments: list[str]) -> int:
    postgresql, redis = Postgresql(), Redis()
    try:
        own = {"TOMO_DATABASE_URL": postgresql.new_database(), "TOMO_REDIS_URL": redis.url}
        return subprocess.run([*PYTEST, *(arguments or CHOSEN)], env=os.environ | own, check=False).returncode
    finally:
        redis.stop()
        postgresql.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
