"""An administrator's browser, and a log with one row of each sort."""

from typing import Any

import pytest
from django.test import Client

from activity.models import ActivityLog
from tests.dashboard.activity.log import browser_of, varied


@pytest.fixture
def admin(administrator: Any) -> Client:
    return browser_of(administrator)


@pytest.fixture
def administrator(db: None, django_user_model: Any) -> Any:
    """Without a password, which takes its time."""
    return django_user_model.objects.create_superuser("admin")


@pytest.fixture
def rows(db: None) -> list[ActivityLog]:
    return varied()
