"""Schemathesis finds nothing: every operation under all of its checks, by tokens of one scope each."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings

from dashboard import tokens
from dashboard.api import openapi
from dashboard.api.operations import OPERATIONS
from dashboard.models import ApiToken, Scope
from tests.dashboard import fleet
from tests.dashboard.fleet import container
from tomo_monitor.wsgi import application

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.slow]

api = schemathesis.openapi.from_dict(openapi.document())
api.app = application


ADDRESSES = {(one.method, f"/api/v1/{one.route}"): one.scope for one in OPERATIONS}
OTHERS = cycle([*[None] * 5, *Scope.values])  # now and then another scope than the one that is wanted


@pytest.fixture
def texts(administrator: Any) -> dict[Any, str]:
    """A token of each scope alone, with a server and an app to be seen."""
    fleet.with_apps(container("web"))
    at = datetime.now(UTC)
    return {scope: tokens.create(scope, administrator, [scope], at)[1] for scope in Scope.values}


@pytest.fixture
def kept_connection() -> Iterator[None]:
    """The test's own connection, which the end of a request would close."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def nothing_is_found(case: Any, texts: dict[Any, str], kept_connection: None) -> None:
    wanted = ADDRESSES[case.operation.method.upper(), case.operation.path]
    text = texts[next(OTHERS) or wanted or Scope.SUMMARY_READ]
    ApiToken.objects.update(uses=0, revoked_at=None)
    case.call_and_validate(headers={"Authorization": f"Bearer {text}", "Accept-Encoding": "identity"})


# A test of its own for each operation, under a name of its own: several workers run what has the same name only once.
for one in OPERATIONS:
    globals()[f"test_{one.name}"] = api.include(operation_id=one.name).parametrize()(nothing_is_found)
