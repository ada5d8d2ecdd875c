"""The operations of the JSON API, in one table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard.api import answers
from dashboard.api.envelope import Answer
from dashboard.models import Scope


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked: its address and method, its scope, its parameters, and what answers."""

    route: str
    scope: Scope
    answer: Callable[..., dict[str, Any] | Answer]
    parameters: tuple[str, ...] = ()
    method: str = "GET"


RANGE = ("period", "from", "to")
OPERATIONS = (
    Operation("summary", Scope.SUMMARY_READ, answers.summary),
    Operation("health", Scope.SUMMARY_READ, answers.health),
    Operation("servers", Scope.METRICS_READ, answers.servers, ("limit", "offset")),
    Operation("servers/<str:server_id>", Scope.METRICS_READ, answers.server),
    Operation("servers/<str:server_id>/metrics", Scope.METRICS_READ, answers.server_metrics, RANGE),
    Operation("apps", Scope.METRICS_READ, answers.apps, ("limit", "offset")),
    Operation("servers/<str:server_id>/apps", Scope.METRICS_READ, answers.server_apps),
    Operation(
        "servers/<str:server_id>/apps/<str:app_id>/metrics",
        Scope.METRICS_READ,
        answers.app_metrics,
        ("period", "from", "to"),
    ),
    Operation(
        "activity",
        Scope.ACTIVITY_READ,
        answers.activity,
        (
            *("activity_types", "user_id", "actor", "server_id", "app_id", "source_ip", "result"),
            *("since", "until", "q", "limit", "offset", "before"),
        ),
    ),
    Operation("activity", Scope.ACTIVITY_WRITE, answers.report, method="POST"),
)
