"""Which test proves which kind of activity: that it really happens, and that its row says all that it should."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from importlib import import_module
from typing import Any

from activity.models import ActivityLog
from activity.types import ActivityType, Origin

MODULES = """
    tests.activity.test_checks tests.activity.test_events tests.activity.test_pruning tests.activity.test_server_events
    tests.dashboard.test_activity_api tests.dashboard.test_backups tests.dashboard.test_record_activity
    tests.dashboard.test_tokens
    tests.metrics.test_backup_keys tests.metrics.test_backups tests.metrics.test_daily_backups
    tests.metrics.test_docker_daemon tests.metrics.test_hostile_apps tests.metrics.test_moving
    tests.metrics.test_preparation
""".split()
WITH_AN_ADDRESS = (Origin.WEB, Origin.ADMIN, Origin.API)
OF_A_SERVER = ("server_", "host_key_", "preparation_", "app_", "apps_")
OF_A_USER = ("user_created", "user_updated", "user_deleted")
FROM_ONE_TO_ANOTHER = {
    ActivityType.SERVER_UPDATED,
    ActivityType.USER_UPDATED,
    ActivityType.HOST_KEY_ACCEPTED,
    ActivityType.SETTINGS_CHANGED,
    ActivityType.APP_UPDATED,
    ActivityType.APPS_READABLE,
    ActivityType.APPS_UNREADABLE,
}

_proofs: dict[str, list[str]] = defaultdict(list)


def proves(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test that leaves a row of each of these kinds, or of its argument `kind`, in its log or in its product's."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        for kind in kinds:
            _proofs[kind].append(f"{test.__module__}.{test.__name__}")

        @wraps(test)
        def looked_at(**arguments: Any) -> None:
            test(**arguments)
            with arguments["product"].entered() if "product" in arguments else nullcontext():
                for kind in [arguments["kind"]] if "kind" in arguments else kinds:
                    says_all(ActivityLog.objects.filter(activity_type=kind).order_by("id").last())

        return looked_at

    return decorate


def proofs() -> dict[str, list[str]]:
    """The tests by the kinds that they prove, wherever they stand."""
    for module in MODULES:
        import_module(module)
    return _proofs


def says_all(row: ActivityLog | None) -> None:
    """Who, from where, to what, and what changed."""
    assert row, "it did not happen"
    assert row.actor_name
    assert row.message
    if row.origin in WITH_AN_ADDRESS:
        assert row.source_ip
        assert row.request_id
    if row.activity_type.startswith(OF_A_SERVER):
        assert row.server_id
        assert row.server_name
    if row.activity_type.startswith("app_"):
        assert row.app_id
        assert row.app_name
    if row.activity_type in OF_A_USER:
        assert row.details["user"]
    if row.activity_type in FROM_ONE_TO_ANOTHER:
        assert {"before", "after"} <= row.details.keys() or {"given", "taken"} & row.details.keys()
