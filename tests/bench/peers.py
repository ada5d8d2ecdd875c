"""Other programs that answer the same questions, where they are installed."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.bench.processes import cpu_seconds
from tests.serve import _free_port, until

CHECK_BY_SSH = Path("/usr/lib/nagios/plugins/check_by_ssh")
PROMETHEUS = "prometheus", "prometheus-node-exporter"
SCRAPE = """
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""


def without(*programs: str | Path) -> str:
    """What to install; empty if everything is there."""
    absent = [Path(program).name for program in programs if not shutil.which(program)]
    packages = {"check_by_ssh": "monitoring-plugins-basic"}
    return f"apt install {' '.join(packages.get(name, name) for name in absent)}" if absent else ""


class Scraped:
    """Prometheus, scraping node_exporter every second and storing what it reads."""

    def __init__(self, exporter: int, exporter_port: int, prometheus: int) -> None:
        self._exporter, self._port, self._prometheus = exporter, exporter_port, prometheus
        self._before = self._counts()

    def figures(self) -> tuple[float, float]:
        """CPU milliseconds a scrape of Prometheus and of node_exporter since it was asked last."""
        before, self._before = self._before, self._counts()
        scrapes, collector, exporter = (now - then for now, then in zip(self._before, before, strict=True))
        return collector / scrapes * 1000, exporter / scrapes * 1000

    def _counts(self) -> tuple[float, float, float]:
        return self._scrapes(), cpu_seconds([self._prometheus]), cpu_seconds([self._exporter])

    def _scrapes(self) -> float:
        with urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
            text = answer.read().decode()
        return float(re.findall(r'^promhttp_metric_handler_requests_total\{code="200"\} (\S+)', text, re.M)[0])


@contextmanager
def prometheus(folder: Path) -> Iterator[Scraped | None]:
    """Running and warm; None where it is not installed."""
    if without(*PROMETHEUS):
        yield None
        return
    exporter_port, port = _free_port(), _free_port()
    (folder / "prometheus.yml").write_text(SCRAPE.format(port=exporter_port))
    with ExitStack() as undone:
        exporter = _started(undone, "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{exporter_port}")
        until(lambda: _answers(exporter_port, "/metrics"), 20, "node_exporter answers")
        options = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/prometheus")
        collector = _started(undone, "prometheus", *options, f"--web.listen-address=127.0.0.1:{port}")
        until(lambda: _answers(port, "/-/ready"), 30, "Prometheus is ready")
        time.sleep(5)
        yield Scraped(exporter, exporter_port, collector)


def _started(undone: ExitStack, *command: str) -> int:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    undone.callback(process.wait)
    undone.callback(process.terminate)
    return process.pid


def _answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
