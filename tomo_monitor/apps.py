"""The project as an app: its commands, and what every process does at its start."""

from django.apps import AppConfig

from tomo_monitor.processes import die_with_supervisor


class TomoMonitorConfig(AppConfig):
    name = "tomo_monitor"

    def ready(self) -> None:
        die_with_supervisor()
