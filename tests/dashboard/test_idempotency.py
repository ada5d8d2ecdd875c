"""A report that is sent again with its key is recorded once, however many send it at once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.test import Client

from dashboard import reports
from dashboard.fields import checked
from dashboard.models import IdempotencyKey
from metrics.models import Server
from tests.dashboard import fleet
from tests.dashboard.test_activity_api import DONE, PATH, reported, sent, taken
from tests.dashboard.test_api import error, made
from tests.serve import ROOT, Serve

pytestmark = pytest.mark.django_db


def test_the_same_report_with_the_same_key_is_recorded_once(api: Client) -> None:
    first, again = sent(api, DONE, "k"), sent(api, dict(reversed(DONE.items())), "k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json() == again.json()
    assert len(reported()) == 1


def test_another_report_with_the_same_key_is_409(api: Client) -> None:
    sent(api, DONE, "k")
    assert error(sent(api, DONE | {"result": "failure"}, "k"), 409) == "IDEMPOTENCY_CONFLICT"
    assert len(reported()) == 1


def test_a_key_is_the_tokens_own(api: Client, administrator: Any) -> None:
    assert sent(api, DONE, "k").status_code == sent(made(administrator), DONE, "k").status_code == 201


def test_without_a_key_every_report_is_recorded(api: Client) -> None:
    assert taken(api)["id"] != taken(api)["id"]


def test_a_report_that_was_refused_leaves_its_key_free(api: Client) -> None:
    assert error(sent(api, DONE | {"server_id": 999}, "k"), 404)
    assert sent(api, DONE, "k").status_code == 201


def test_a_key_still_stands_for_its_report_when_the_server_is_gone(api: Client) -> None:
    report = DONE | {"server_id": fleet.pending().pk}
    first = sent(api, report, "k").json()
    Server.objects.all().delete()
    assert sent(api, report, "k").json() == first


def test_a_key_is_kept_for_a_day_and_then_goes(db: None, at: datetime) -> None:
    reporter, report = reports.Reporter("token 1", Server.objects.all()), reports.report(checked(DONE, reports.FIELDS))
    row, _ = reports.record_once(report, reporter, "k", at)
    assert row.timestamp == at
    assert reports.record_once(report, reporter, "k", at + timedelta(hours=24)) == (row, False)
    assert reports.record_once(report, reporter, "k", at + timedelta(hours=24, seconds=1))[1]
    reports.record_once(report, reporter, "other", at + timedelta(days=3))
    assert IdempotencyKey.objects.get().key == "other"


# With the product running ------------------------------------------------------------------------


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running = Serve(tmp_path, TOMO_WATCH_SELF="off")
    running.start()
    yield running
    running.kill()


def new_token(serve: Serve) -> str:
    """Of a new user, made beside the product that runs."""
    code = (
        "from datetime import UTC, datetime; from django.contrib.auth.models import User; from dashboard import tokens;"
        "boss = User.objects.create_superuser('boss');"
        "print('token', tokens.create('ci', boss, ['activity:write'], datetime.now(UTC))[1])"
    )
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=serve.environment, capture_output=True, text=True, check=True)
    return done.stdout.split("token ")[1].strip()


def test_a_key_sent_by_many_at_once_makes_one_row(serve: Serve) -> None:
    token = new_token(serve)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "k"}

    def send(_number: int) -> tuple[int, int]:
        request = Request(serve.url + PATH, json.dumps(DONE).encode(), headers)
        with urlopen(request, timeout=30) as response:
            return response.status, json.load(response)["data"]["id"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(48)))
    assert sorted(status for status, _ in answers) == [200] * 47 + [201]
    assert len({row for _, row in answers}) == 1
    assert serve.events("backup_created") == 1
