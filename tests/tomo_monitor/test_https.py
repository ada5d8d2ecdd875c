"""Behind https the cookies, redirects and checks are strict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VISIT = """
import json, logging, django
django.setup()
from django.core.management import call_command
from django.test import Client
from django.contrib.auth.models import User
logging.disable()
for database in ("default", "queue"):
    call_command("migrate", database=database, verbosity=0)
call_command("collectstatic", verbosity=0, interactive=False)
User.objects.create_superuser("admin", password="correct horse battery")
host = {"host": "tomo.example.org"}
browser = Client(headers=host)
plain = browser.get("/sign-in")
page = browser.get("/sign-in", secure=True)
signed = browser.post("/sign-in", {"username": "admin", "password": "correct horse battery"}, secure=True)
cookies = {name: {key: cookie[key] for key in ("secure", "httponly", "path", "domain", "samesite")}
           for name, cookie in browser.cookies.items()}
print(json.dumps({"plain": [plain.status_code, plain.headers.get("Location")], "signed": signed.status_code,
                  "headers": dict(page.headers), "cookies": cookies}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TOMO_", "DJANGO_"))}
    return clean | {
        "TOMO_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "TOMO_PUBLIC_URL": "https://tomo.example.org",
        "DJANGO_SETTINGS_MODULE": "tomo_monitor.settings",
    }


@pytest.fixture(scope="module")
def visit(environment: dict[str, str]) -> dict:
    command = [sys.executable, "-c", VISIT]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def test_cookies_are_bound_to_this_host_and_to_https(visit: dict) -> None:
    assert visit["signed"] == 302
    assert set(visit["cookies"]) == {"__Host-session", "__Host-csrf"}
    for cookie in visit["cookies"].values():
        expected = {"secure": True, "httponly": True, "path": "/", "domain": "", "samesite": "Lax"}
        assert cookie == expected


def test_plain_http_leads_to_https(visit: dict) -> None:
    assert visit["plain"] == [301, "https://tomo.example.org/sign-in"]


def test_browsers_are_told_to_stay_with_https(visit: dict) -> None:
    assert visit["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"


def test_djangos_deployment_check_finds_nothing(environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
