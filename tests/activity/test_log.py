"""The log itself: append-only, without secrets, and read by one filter."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from activity.context import NOBODY, Acting, acting, current
from activity.masking import MASK, masked
from activity.models import ActivityLog, AppendOnly
from activity.queries import ActivityFilter, page
from activity.record import record
from activity.types import TRAITS, ActivityType, ActorKind, Level, Origin, Result, traits

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def added(message: str = "web-01 added", **more: Any) -> ActivityLog:
    return record(ActivityType.SERVER_ADDED, message, **more)


# Append-only -------------------------------------------------------------------------------------


def test_a_row_is_never_changed() -> None:
    row = added()
    row.message = "nothing happened"
    with pytest.raises(AppendOnly):
        row.save()
    with pytest.raises(AppendOnly):
        ActivityLog.objects.update(message="nothing happened")
    with pytest.raises(AppendOnly), transaction.atomic():
        ActivityLog.objects.bulk_update([row], ["message"])
    with pytest.raises(AppendOnly), transaction.atomic():
        ActivityLog.objects.update_or_create(pk=row.pk, defaults={"message": "nothing happened"})
    assert ActivityLog.objects.get().message == "web-01 added"


def test_a_row_with_a_number_that_is_taken_replaces_nothing() -> None:
    row = added()
    forged = ActivityLog(pk=row.pk, timestamp=AT, activity_type=ActivityType.USER_LOGIN, message="nothing happened")
    with pytest.raises(IntegrityError), transaction.atomic():
        forged.save()
    assert ActivityLog.objects.get().message == "web-01 added"


def test_a_row_is_never_deleted() -> None:
    row = added()
    with pytest.raises(AppendOnly):
        row.delete()
    with pytest.raises(AppendOnly):
        ActivityLog.objects.all().delete()
    with pytest.raises(AppendOnly):
        ActivityLog.objects.filter(pk=row.pk).delete()
    assert ActivityLog.objects.exists()


# What is written ---------------------------------------------------------------------------------


def test_a_row_says_who_did_it_from_where_and_how() -> None:
    actor = Acting(ActorKind.USER, Origin.WEB, "ada", 7, "198.51.100.7", "Firefox", "abc")
    with acting(actor):
        row = added(result=Result.FAILURE, at=AT)
    assert (row.actor_kind, row.actor_name, row.user_id) == ("user", "ada", 7)
    assert (row.source_ip, row.user_agent, row.origin, row.request_id) == ("198.51.100.7", "Firefox", "web", "abc")
    assert (row.result, row.timestamp) == ("failure", AT)


def test_without_anybody_the_system_did_it() -> None:
    assert current() == NOBODY
    row = added()
    assert (row.actor_kind, row.actor_name, row.origin, row.user_id) == ("system", "system", "task", None)


def test_an_actor_acts_no_longer_than_their_block_even_when_it_fails() -> None:
    with pytest.raises(ZeroDivisionError), acting(Acting(name="ada")):
        raise ZeroDivisionError
    assert current() == NOBODY


def test_long_texts_are_cut_to_what_a_row_holds() -> None:
    with acting(Acting(name="a" * 1000, user_agent="u" * 1000)):
        row = added("m" * 1000)
    assert (len(row.actor_name), len(row.user_agent), len(row.message)) == (150, 300, 500)


@pytest.mark.parametrize(
    "name",
    ["password", "Password", "new_password1", "passphrase", "secret", "api_key", "apikey", "token", "private_key"],
)
def test_what_is_called_like_a_secret_is_masked_at_any_depth(name: str) -> None:
    hidden = "hunter2"
    for details in (
        {name: hidden},
        {"before": {name: hidden}, "after": {name: [hidden]}},
        {name: {"before": hidden, "after": hidden}},
        {"list": [{name: (hidden, hidden)}]},
    ):
        assert hidden not in str(added(details=details).details)
        assert MASK in str(added(details=details).details)


def test_a_token_of_the_product_stands_nowhere() -> None:
    secret = "aB3_-" * 9
    row = added(f"They sent tomo_7_{secret[:43]}!", details={"q": [f"Bearer tomo_7_{secret[:43]}"]})
    assert (row.message, row.details) == (f"They sent {MASK}!", {"q": [f"Bearer {MASK}"]})


def test_what_is_no_secret_stays() -> None:
    details = {"name": "web-01", "port": 22, "tags": ["a"], "password": None, "kind": "password", "nested": {"a": [1]}}
    assert masked(details) == details


def test_changes_are_told_one_by_one() -> None:
    row = added(details={"before": {"port": 22}, "after": {"port": 2222, "notes": "new"}})
    assert row.changes == ["port: 22 → 2222", "notes: – → new"]
    assert added(details={"before": "x", "after": "y"}).changes == []


# Kinds -------------------------------------------------------------------------------------------


def test_every_kind_has_a_label_an_icon_and_a_level() -> None:
    assert set(TRAITS) == set(ActivityType)
    for one in TRAITS.values():
        assert one.label
        assert one.icon
        assert one.level in Level


def test_a_kind_of_another_version_is_shown_by_its_name() -> None:
    assert traits("app_teleported").label == "app_teleported"


# Reading -----------------------------------------------------------------------------------------


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    for number in range(7):
        added(str(number))
    first = page(ActivityFilter(), limit=3)
    added("later")
    second = page(ActivityFilter(), limit=3, before=first.before)
    third = page(ActivityFilter(), limit=3, before=second.before)
    assert [row.message for one in (first, second, third) for row in one.rows] == list("6543210")
    assert third.before is None


def test_a_page_that_is_just_full_is_the_last() -> None:
    added("a")
    added("b")
    assert page(ActivityFilter(), limit=2).before is None


FILTERS = [
    ({}, 4),
    ({"activity_types": ["server_added"]}, 2),
    ({"activity_types": ["server_added", "user_login"]}, 3),
    ({"user_id": 7}, 1),
    ({"server_id": 5}, 2),
    ({"servers": [5]}, 2),
    ({"servers": []}, 0),
    ({"source_ip": "198.51.100.7"}, 1),
    ({"result": "failure"}, 1),
    ({"since": AT}, 3),
    ({"until": AT}, 1),
    ({"since": AT, "until": AT + timedelta(seconds=1)}, 2),
    ({"text": "WEB-01"}, 2),
    ({"text": "ada"}, 1),
    ({"text": "%"}, 0),
    ({"text": "_"}, 0),
    ({"only_servers": True}, 2),
    ({"only_servers": True, "result": "failure"}, 0),
]


@pytest.mark.parametrize(("wanted", "total"), FILTERS)
def test_the_total_counts_what_the_list_lists(wanted: dict[str, Any], total: int) -> None:
    class Web:
        id, name = 5, "web-01"

    added("created", server=Web(), at=AT - timedelta(seconds=1))
    added("created again", server=Web(), at=AT)
    record(ActivityType.USER_LOGIN, "in", at=AT, actor=Acting(name="ada", user_id=7, source_ip="198.51.100.7"))
    record(ActivityType.USER_LOGIN_FAILED, "out", at=AT + timedelta(days=1), result=Result.FAILURE)
    found = page(ActivityFilter(**wanted), limit=100)
    assert len(found.rows) == found.total == total
    assert page(ActivityFilter(**wanted), limit=1).total == total
