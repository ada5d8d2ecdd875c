"""Schemathesis finds nothing: every operation under all of its checks."""

from datetime import datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from dashboard.api import openapi
from dashboard.models import ApiToken
from metrics import keys
from tests.dashboard import fleet
from tests.dashboard.fleet import container
from tomo_monitor.wsgi import application

pytestmark = [pytest.mark.django_db(databases=["default", "queue"]), pytest.mark.slow]

api = schemathesis.openapi.from_dict(openapi.document())
api.app = application
PRIVATE_KEY = keys.generate()[0]


# What a schema cannot say --------------------------------------------------------------------------


@api.hook
def filter_query(_context: Any, query: dict[str, Any] | None) -> bool:
    """A range is no period, and ends after it begins, which lies in the past."""
    asked = query or {}
    begin, end = (_instant(asked.get(name)) for name in ("from", "to"))
    if "from" not in asked and "to" not in asked and "at" not in asked:
        return True
    return "period" not in asked and begin is not None and begin < (end or datetime.now().astimezone())


@api.hook
def map_body(_context: Any, body: Any) -> Any:
    """A private key is one."""
    credential = body.get("credential") if isinstance(body, dict) else None
    if isinstance(credential, dict) and str(credential.get("private_key", "")).startswith("-----BEGIN "):
        return body | {"credential": {"kind": "key", "private_key": PRIVATE_KEY}}
    return body


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except (ValueError, OverflowError):
        return None


# What is found ---------------------------------------------------------------------------------------


@api.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_is_found(case: Any, token: str) -> None:
    fleet.with_apps(container("web"))
    ApiToken.objects.update(uses=0)
    case.call_and_validate(headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"})
