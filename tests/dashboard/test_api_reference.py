"""The API explained: a page for people, OpenAPI for programs, and examples that run."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from dashboard.api import openapi, reference
from dashboard.api.operations import OPERATIONS
from dashboard.api.reference import Entry
from metrics.models import Filesystem, Interface, ServerState
from tests.dashboard import fleet
from tests.dashboard.fleet import container
from tests.dashboard.test_api import data

ENTRIES = [entry for entries in reference.entries().values() for entry in entries]
PLACES = ("server_id", "app_id", "filesystem_id", "interface_id", "token_id")


@pytest.fixture
def places(db: None) -> dict[str, int]:
    """A server with all that an address can name."""
    server = fleet.with_apps(container("web"), polls=2)
    ServerState.objects.update(next_poll_at=datetime.now(UTC))
    owners = {"filesystem_id": Filesystem, "interface_id": Interface}
    parts = {name: model._default_manager.filter(server=server).earliest("pk").pk for name, model in owners.items()}
    return {"server_id": server.pk, "app_id": server.apps.get().pk, **parts}


def filled(route: str, places: dict[str, int]) -> str:
    return route.format(**{name: places.get(name, 0) for name in PLACES})


# For people --------------------------------------------------------------------------------------


def test_the_page_explains_every_operation(viewer_browser: Client) -> None:
    page = viewer_browser.get("/api/docs").content.decode()
    for entry in ENTRIES:
        assert f'id="{entry.anchor}"' in page
        assert f"/api/v1/{entry.operation.route}" in page
        assert all(f"<code>{line.name}</code>" in page for line in (*entry.parameters, *entry.body, *entry.answer))


def test_every_line_says_something() -> None:
    for entry in ENTRIES:
        assert all(line.kind and line.says for line in (*entry.parameters, *entry.body, *entry.answer)), entry.anchor


def test_strangers_learn_nothing(client: Client, db: None) -> None:
    assert client.get("/api/docs").status_code == 302
    assert client.get("/api/v1/openapi.json").status_code == 401


# The examples ------------------------------------------------------------------------------------


def prepared(text: str, entry: Entry, url: str, places: dict[str, int]) -> str:
    """An example for this product: its address and its ids in place of those of the example."""
    of_example = filled(entry.operation.route, dict.fromkeys(PLACES, 1))
    return text.replace(
        f"{reference.settings.PUBLIC_URL}/api/v1/{of_example}", f"{url}/api/v1/{filled(entry.operation.route, places)}"
    )


RUN = {"curl": ["sh", "-c"], "python": [sys.executable, "-c"]}
LASTING = [entry for entry in ENTRIES if entry.operation.method != "DELETE" and "prepare" not in entry.operation.name]


@pytest.mark.django_db(transaction=True, databases=["default", "queue"])
@pytest.mark.parametrize("language", RUN)
def test_the_examples_run(live_server: Any, token: str, places: dict[str, int], language: str) -> None:
    for entry in LASTING:
        text = prepared(getattr(entry, language), entry, live_server.url, places)
        if entry.operation.name == "add_server":
            text = text.replace("web-02", f"web-{language}")
        environment = os.environ | {"TOMO_TOKEN": token}
        done = subprocess.run([*RUN[language], text], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        assert "success" in done.stdout or language == "python"


# For programs ------------------------------------------------------------------------------------


def test_the_description_is_for_everybody_who_comes_in(viewer_browser: Client) -> None:
    found = viewer_browser.get("/api/v1/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    assert described == {(one.method, f"/api/v1/{one.route}") for one in OPERATIONS}


def test_every_shape_is_a_schema() -> None:
    for operation in OPERATIONS:
        Draft202012Validator.check_schema(operation.shape)


@pytest.mark.django_db(databases=["default", "queue"])
def test_answers_have_their_shape_and_no_name_that_it_does_not_tell(
    api: Client, token: str, places: dict[str, int]
) -> None:
    for operation in (one for one in OPERATIONS if one.is_reading):
        found = data(api, filled(operation.route, places))
        Draft202012Validator(operation.shape).validate(found)
        assert list(_untold(found, operation.shape)) == [], operation.name


def _untold(value: Any, shape: dict[str, Any], path: str = "") -> Any:
    """The names in an answer that its shape does not tell."""
    if isinstance(value, dict) and "properties" in shape:
        yield from (f"{path}.{name}" for name in value if name not in shape["properties"])
        for name, one in value.items():
            yield from _untold(one, shape["properties"].get(name, {}), f"{path}.{name}")
    elif isinstance(value, list) and "items" in shape:
        for one in value:
            yield from _untold(one, shape["items"], f"{path}[]")


def test_the_description_is_made_once() -> None:
    assert openapi.document() is openapi.document()
