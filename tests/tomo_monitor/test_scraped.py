"""A real Prometheus scrapes the real product by a token, answers queries, and follows the alert rules."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serve import ROOT, Serve, _free_port, until
from tomo_monitor.processes import die_with_parent

RULES = ROOT / "docs" / "prometheus" / "alerts.yml"
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: tomo
    authorization: {{credentials_file: {token}}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
MAKE_ADMINISTRATOR = "from django.contrib.auth import get_user_model as m; m().objects.create_superuser('admin')"


class Prometheus:
    """One on a loopback port, with a folder of its own."""

    def __init__(self, folder: Path, config: str) -> None:
        folder.mkdir()
        (folder / "prometheus.yml").write_text(config)
        self._url = f"127.0.0.1:{_free_port()}"
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: apt install prometheus"
        options = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, *options, f"--web.listen-address={self._url}"],
                stdout=log,
                stderr=log,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API; None while there is none."""
        address = f"http://{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as response:
                return json.load(response)["data"]
        except OSError:
            return None

    def values(self, query: str) -> list[float]:
        found = self.ask("query", query=query)
        return [float(one["value"][1]) for one in found["result"]] if found else []

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """The product, which watches this machine."""
    running = Serve(tmp_path_factory.mktemp("scraped"))
    try:
        running.start()
        until(lambda: running.samples() >= 3, 60, "a few samples of this machine")
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def prometheus(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    manage(serve, "shell", "--no-imports", "-c", MAKE_ADMINISTRATOR)
    token = folder / "token"
    token.write_text(manage(serve, "create_token", "prometheus", "--scope", "metrics:read"))
    running = Prometheus(folder / "own", CONFIG.format(rules=RULES, token=token, port=serve.port))
    yield running
    running.stop()


def manage(serve: Serve, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=serve.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_queries_are_answered_with_the_products_figures(serve: Serve, prometheus: Prometheus) -> None:
    until(lambda: prometheus.values('up{job="tomo"}') == [1], 30, "a scrape")
    assert until(lambda: prometheus.values("tomo_server_up"), 10, "a server") == [1]
    [memory] = prometheus.values("tomo_server_memory_total_bytes")
    assert serve.rows("SELECT memory_total_bytes * 1024 FROM metrics_latestservermetrics") == [(memory,)]
    assert prometheus.values("tomo_monitor_poll_interval_seconds") == [10]
    assert len(prometheus.values("tomo_filesystem_used_bytes")) >= 1
    [used] = prometheus.values("tomo_server_cpu_used_ratio")
    assert 0 <= used <= 1


def test_it_counts_what_the_interfaces_received(prometheus: Prometheus) -> None:
    rate = "rate(tomo_server_network_receive_bytes_total[1m])"
    [received] = until(lambda: prometheus.values(rate), 60, "a rate of two polls")
    assert received >= 0


def test_it_knows_type_and_meaning_of_a_metric(prometheus: Prometheus) -> None:
    [told] = until(lambda: prometheus.ask("metadata", metric="tomo_server_up"), 30, "metadata")["tomo_server_up"]
    assert told == {"type": "gauge", "help": "1 while it is online and its figures are current, else 0.", "unit": ""}


def test_it_follows_the_alert_rules(prometheus: Prometheus) -> None:
    groups = until(lambda: prometheus.ask("rules"), 30, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    until(lambda: all(one["health"] == "ok" for one in _rules(prometheus)), 90, "every rule is evaluated")
    assert len(rules) > 15
    assert not [one["name"] for one in _rules(prometheus) if one["state"] == "firing" and "Offline" in one["name"]]


def _rules(prometheus: Prometheus) -> list[dict[str, Any]]:
    return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
