"""Django admin asks for the password again before it changes anything."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_ago(administrator: Any) -> Client:
    """An administrator's browser whose password was entered an hour ago."""
    client = Client()
    client.force_login(administrator)
    session = client.session
    session["confirmed_at"] -= 3600
    session.save()
    return client


def test_a_change_asks_for_the_password_and_goes_back(long_ago: Client, django_user_model: Any) -> None:
    answer = long_ago.post("/admin/auth/user/add/", {"username": "ada", "password1": "x", "password2": "x"})
    assert (answer.status_code, answer["Location"]) == (302, "/confirm?next=%2Fadmin%2Fauth%2Fuser%2Fadd%2F")
    assert not django_user_model.objects.filter(username="ada").exists()


def test_looking_does_not(long_ago: Client) -> None:
    assert long_ago.get("/admin/auth/user/").status_code == 200


def test_after_the_password_it_is_done(long_ago: Client, django_user_model: Any) -> None:
    long_ago.post("/confirm?next=/admin/", {"password": "correct horse battery"})
    password = "a long enough one"
    long_ago.post("/admin/auth/user/add/", {"username": "ada", "password1": password, "password2": password})
    assert django_user_model.objects.filter(username="ada").exists()
