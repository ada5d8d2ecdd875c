"""Visitors with a browser each: nobody, a viewer, an operator, an administrator."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from dashboard import tokens
from dashboard.models import Scope

PASSWORD = "correct horse battery"


def signed_in(user: Any) -> Client:
    """A browser in which this user has just given the password."""
    client = Client()
    client.post("/sign-in", {"username": user.username, "password": PASSWORD})
    return client


@pytest.fixture
def viewer(db: None, django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("viewer", password=PASSWORD)


@pytest.fixture
def operator(db: None, django_user_model: Any) -> Any:
    user = django_user_model.objects.create_user("operator", password=PASSWORD)
    user.groups.add(Group.objects.get(name="operators"))
    return user


@pytest.fixture
def admin_browser(administrator: Any) -> Client:
    return signed_in(administrator)


@pytest.fixture
def viewer_browser(viewer: Any) -> Client:
    return signed_in(viewer)


@pytest.fixture
def operator_browser(operator: Any) -> Client:
    return signed_in(operator)


@pytest.fixture
def token(administrator: Any) -> str:
    """The text of an administrator's token with every scope."""
    return tokens.create("script", administrator, list(Scope.values), datetime.now(UTC))[1]


@pytest.fixture
def api(token: str) -> Client:
    """A script with that token."""
    return Client(headers={"authorization": f"Bearer {token}"})
