"""What is written about the metrics, the alert rules and the dashboard is what is exposed."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client

from metrics.probe.reading import Health
from tests.dashboard import fleet
from tests.dashboard.scrapes import Scrape, scraped

pytestmark = pytest.mark.django_db(databases="__all__")
DOCS = Path(settings.BASE_DIR) / "docs"
RULES = DOCS / "prometheus" / "alerts.yml"
DASHBOARD = DOCS / "prometheus" / "grafana-dashboard.json"
NAME = re.compile(r"\btomo_[a-z0-9_]+")
ROW = re.compile(r"^\| `(tomo_\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", re.M)
SERVER, APP = {"server_id", "server"}, {"server_id", "server", "app_id", "app"}
LABELS: dict[str, set[str]] = {
    "server": SERVER,
    "filesystem": SERVER | {"mountpoint"},
    "interface": SERVER | {"device"},
    "sensor": SERVER | {"sensor"},
    "app": APP,
    "container": APP,
    "fleet": set(),
    "monitor": set(),
}


@pytest.fixture
def found(api: Client) -> Scrape:
    fleet.offline("off")
    fleet.online("on", tags=("a",))
    fleet.with_apps(fleet.container(health=Health.HEALTHY))
    return scraped(api)


def headed(found: Scrape) -> dict[str, tuple[str, str]]:
    """Type and help by name, as the text has them."""
    texts = dict(re.findall(r"^# HELP (\S+) (.*)$", found.text, re.M))
    return {name: (kind, texts[name]) for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", found.text, re.M)}


def rows() -> list[tuple[str, ...]]:
    """Name, type, more labels and meaning."""
    return [tuple(one) for one in ROW.findall((DOCS / "prometheus.md").read_text())]


def test_the_table_lists_every_metric_as_it_is_exposed(found: Scrape) -> None:
    assert {name: (kind, text) for name, kind, _, text in rows()} == headed(found)


def test_the_table_says_which_labels_a_metric_has(found: Scrape) -> None:
    told = {name: LABELS[name.split("_")[1]] | set(re.findall(r"\w+", more)) for name, _, more, _ in rows()}
    exposed = {name: set(had) for name, had, _ in found.samples()}
    assert len(exposed) > 80
    assert {name: told[name] for name in exposed} == exposed


def expressions() -> Iterator[str]:
    """Whatever asks for metrics in the dashboard and in the alert rules."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def test_every_metric_that_is_asked_for_exists(found: Scrape) -> None:
    asked = [name for one in expressions() for name in NAME.findall(one)]
    assert len(set(asked)) > 50
    assert set(asked) <= headed(found).keys()


def test_the_dashboard_lets_choose_the_data_source_and_the_servers() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    variables = {one["name"]: one["type"] for one in dashboard["templating"]["list"]}
    assert variables == {"datasource": "datasource", "server": "query"}
    sources = {json.dumps(source) for source in _sources(dashboard)}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    rows = [panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"]
    assert rows == ["Fleet", "Server: $server", "Apps of $server", "Monitor"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def _sources(one: Any) -> Iterator[Any]:
    if isinstance(one, dict):
        yield from ([one["datasource"]] if "datasource" in one else [])
        yield from (source for value in one.values() for source in _sources(value))
    if isinstance(one, list):
        yield from (source for value in one for source in _sources(value))


def test_the_alert_rules_are_right_and_pass_their_tests() -> None:
    for command in (["check", "rules", RULES.name], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=RULES.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout
