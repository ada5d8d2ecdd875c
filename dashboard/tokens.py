"""Bearer tokens: made, checked, counted."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction

from activity import plain
from activity.context import Acting, current
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin
from dashboard import access
from dashboard.models import ApiToken, Scope
from metrics.models import Tag

TOKEN = re.compile(r"tomo_([0-9]{1,18})_([A-Za-z0-9_-]{43})", re.ASCII)
MOST_A_MINUTE = 120
LONGEST_NAME = 64
NEVER, MOST_DAYS, USUAL_DAYS = "never", 3650, "90"


class Refused(Exception):
    """A token does not let this request in; the text says as much as a stranger may know, `reason` the rest.

    `token` is the one whose text it was, if it was one's.
    """

    def __init__(self, reason: str, token: ApiToken | None = None) -> None:
        self.reason, self.token = reason, token
        is_elsewhere = reason == "wrong_network"
        why = " from this address" if is_elsewhere else ": it is unknown, expired or revoked"
        super().__init__(f"The token is not valid{why}.")


class TooOften(Exception):
    """More requests than a token has in a minute. `seconds` says when to come again, `is_first` if it is news."""

    def __init__(self, token: ApiToken, seconds: int, *, is_first: bool) -> None:
        self.token, self.seconds, self.is_first = token, seconds, is_first
        super().__init__(f"More than {MOST_A_MINUTE} requests in this minute.")


@transaction.atomic
def create(
    name: str,
    owner: Any,
    scopes: Sequence[str],
    at: datetime,
    *,
    tag: Tag | None = None,
    network: str = "",
    lifetime: timedelta | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its text, which is nowhere kept. Raises ValidationError, which names the fields."""
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner.pk)  # or two at once would have one name
    if wrong := _wrong(name, owner, scopes, network, at):
        raise ValidationError(wrong)
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        owner=owner,
        digest=_digest(secret),
        scopes=[scope for scope in Scope.values if scope in scopes],
        tag=tag,
        network=_network(network),
        created_at=at,
        expires_at=at + lifetime if lifetime else None,
    )
    details = _named(token) | {
        "scopes": token.scopes,
        "tag": tag and tag.name,
        "network": token.network,
        "expires_at": token.expires_at and token.expires_at.isoformat(timespec="seconds"),
    }
    record(ActivityType.TOKEN_CREATED, f"Token {name} created", details=details)
    return token, f"tomo_{token.pk}_{secret}"


@transaction.atomic
def revoke(token: ApiToken, at: datetime) -> None:
    """End a token, once: the next request with it is refused."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=at):
        record(ActivityType.TOKEN_REVOKED, f"Token {token.name} revoked", details=_named(token))


def lifetime(days: str) -> timedelta | None:
    """How long a token is valid, as people say it: a number of days, or never an end."""
    if days == NEVER:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", days, re.ASCII) or not 0 < int(days) <= MOST_DAYS:
        raise ValidationError(f"Give a whole number of days from 1 to {MOST_DAYS}, or “{NEVER}”.")
    return timedelta(days=int(days))


def check(text: str, source_ip: str, at: datetime) -> ApiToken:
    """The token of an Authorization header's value, counted as used, with the scopes that its owner still has the role
    for. Raises Refused or TooOften."""
    match = TOKEN.fullmatch(text)
    token = ApiToken.objects.select_related("owner", "tag").filter(pk=match[1]).first() if match else None
    if not match or not token or not hmac.compare_digest(token.digest, _digest(match[2])):
        raise Refused("unknown")
    if reason := token.ended(at):
        raise Refused(reason, token)
    if token.network and not _is_within(source_ip, token.network):
        raise Refused("wrong_network", token)
    _count(token, source_ip, at)
    token.scopes = [scope for scope in token.scopes if access.may_use(token.owner, scope)]
    return token


def actor(token: ApiToken) -> Acting:
    """Who acts in a request with this token."""
    return replace(current(), kind=ActorKind.TOKEN, origin=Origin.API, name=token.name, user_id=token.owner_id)


def uses_in_minute(token: ApiToken, at: datetime) -> int:
    """How many of the requests that a token has in a minute were made in this one."""
    return min(_uses(token, _minute(at)), MOST_A_MINUTE)


def _wrong(name: str, owner: Any, scopes: Sequence[str], network: str, at: datetime) -> dict[str, str]:
    """What is wrong with the wish for such a token, by field, each with the remedy."""
    wrong = {}
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= LONGEST_NAME:
        wrong["name"] = f"Give it a name of 1 to {LONGEST_NAME} characters that can be seen."
    elif ApiToken.objects.valid(at).filter(owner=owner, name=name).exists():
        wrong["name"] = f"{owner} has a token of this name: choose another, or revoke that one first."
    if unknown := [scope for scope in scopes if scope not in Scope.values]:
        wrong["scopes"] = f"There is no scope {unknown[0]}. There are: {', '.join(Scope.values)}."
    elif beyond := [scope for scope in scopes if not access.may_use(owner, scope)]:
        wrong["scopes"] = f"{owner} does not have the role for {' and '.join(beyond)}."
    elif not scopes:
        wrong["scopes"] = "Choose at least one."
    try:
        _network(network)
    except ValueError as why:
        wrong["network"] = str(why)
    return wrong


def _network(text: str) -> str:
    """The network as it is kept; "" is everywhere. Raises ValueError with the remedy."""
    if not text:
        return ""
    address, network = text.partition("/")[0], None
    with suppress(ValueError):
        network = ipaddress.ip_network(text, strict=False)
    if network is None or "%" in address:
        raise ValueError(f"{text} is not a network such as 10.0.0.0/8 or 2001:db8::/32.")
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{address} is one address in {network}: write {network}, or {address} for that one alone.")
    return str(network)


def _is_within(address: str, network: str) -> bool:
    known = plain.address(address)
    return bool(known and ipaddress.ip_address(known) in ipaddress.ip_network(network))


def _count(token: ApiToken, source_ip: str, at: datetime) -> None:
    """One more use. Of those too many in a minute only the first is written: a flood of them costs no writes."""
    number = _uses(token, _minute(at)) + 1
    if number <= MOST_A_MINUTE + 1:
        number = _write_use(token, source_ip, at)
    if number > MOST_A_MINUTE:
        raise TooOften(token, 60 - int(at.timestamp()) % 60, is_first=number == MOST_A_MINUTE + 1)


@transaction.atomic
def _write_use(token: ApiToken, source_ip: str, at: datetime) -> int:
    """Which one of its minute this use is, counted in the database: the web server has several processes."""
    kept, minute = ApiToken.objects.select_for_update().get(pk=token.pk), _minute(at)
    number, is_first = _uses(kept, minute) + 1, kept.last_used_at is None
    if number <= MOST_A_MINUTE + 1:
        kept.uses, kept.minute = number, minute
        kept.last_used_at, kept.last_used_from = at, plain.address(source_ip)
        kept.save(update_fields=["uses", "minute", "last_used_at", "last_used_from"])
    if is_first:
        record(ActivityType.TOKEN_FIRST_USED, f"Token {token.name} used for the first time", actor=actor(token))
    return number


def _uses(token: ApiToken, minute: int) -> int:
    return token.uses if token.minute == minute else 0


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _named(token: ApiToken) -> dict[str, Any]:
    return {"id": token.pk, "name": token.name, "owner": str(token.owner)}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
