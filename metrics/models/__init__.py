"""What is kept: servers and how to reach them, their state, and their samples."""

from metrics.models.app import App, Condition, Container, ContainerMetrics, CrashCard, LatestContainerMetrics
from metrics.models.backup import Backup
from metrics.models.credential import Credential, HostKey
from metrics.models.fleet_metrics import FleetMetrics
from metrics.models.heartbeat import Heartbeat
from metrics.models.parts import (
    Filesystem,
    FilesystemMetrics,
    Interface,
    InterfaceMetrics,
    Sensor,
    TemperatureMetrics,
)
from metrics.models.preparation import Preparation
from metrics.models.rollups import LateBucket, Resolved
from metrics.models.server import Server, ServerState, Status, Tag
from metrics.models.server_metrics import LatestServerMetrics, ServerMetrics

__all__ = [
    "App",
    "Backup",
    "Condition",
    "Container",
    "ContainerMetrics",
    "CrashCard",
    "Credential",
    "Filesystem",
    "FilesystemMetrics",
    "FleetMetrics",
    "Heartbeat",
    "HostKey",
    "Interface",
    "InterfaceMetrics",
    "LateBucket",
    "LatestContainerMetrics",
    "LatestServerMetrics",
    "Preparation",
    "Resolved",
    "Sensor",
    "Server",
    "ServerMetrics",
    "ServerState",
    "Status",
    "Tag",
    "TemperatureMetrics",
]
