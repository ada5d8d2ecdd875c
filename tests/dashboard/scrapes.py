"""What a Prometheus server reads out of an answer."""

from collections.abc import Iterator
from typing import Any

from django.test import Client
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


class Scrape:
    """All samples of one answer."""

    def __init__(self, text: str, *, is_openmetrics: bool = False) -> None:
        parse = openmetrics.text_string_to_metric_families if is_openmetrics else text_string_to_metric_families
        self.text = text
        self.families: list[Metric] = list(parse(text))

    def values(self, name: str, **labels: Any) -> list[float]:
        return [value for _, value in self.found(name, **labels)]

    def value(self, name: str, **labels: Any) -> float:
        """Of the one sample that has these labels, among others."""
        [value] = self.values(name, **labels)
        return value

    def found(self, name: str, **labels: Any) -> list[tuple[dict[str, str], float]]:
        wanted = {key: str(value) for key, value in labels.items()}.items()
        return [(had, value) for known, had, value in self.samples() if known == name and wanted <= had.items()]

    def samples(self) -> Iterator[tuple[str, dict[str, str], float]]:
        for family in self.families:
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value


def scraped(script: Client, **headers: str) -> Scrape:
    response = script.get("/metrics", headers=headers)
    assert response.status_code == 200, response.content
    return Scrape(response.content.decode(), is_openmetrics="openmetrics" in response.headers["Content-Type"])
