"""Bearer tokens: made, checked, counted."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from activity.context import Acting, current
from activity.record import record
from activity.types import ActivityType, ActorKind, Origin
from dashboard.models import ApiToken
from metrics.models import Tag

TOKEN = re.compile(r"tomo_([0-9]{1,18})_([A-Za-z0-9_-]{43})", re.ASCII)
MOST_A_MINUTE = 120


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
    """A new token and its text, which is nowhere kept."""
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name,
        owner=owner,
        digest=_digest(secret),
        scopes=list(scopes),
        tag=tag,
        network=network,
        created_at=at,
        expires_at=at + lifetime if lifetime else None,
    )
    details = {"name": name, "owner": str(owner), "scopes": list(scopes), "tag": tag and tag.name, "network": network}
    record(ActivityType.TOKEN_CREATED, f"Token {name} created", details=details)
    return token, f"tomo_{token.pk}_{secret}"


@transaction.atomic
def revoke(token: ApiToken, at: datetime) -> None:
    """End a token: the next request with it is refused."""
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=at)
    record(ActivityType.TOKEN_REVOKED, f"Token {token.name} revoked", details={"name": token.name, "id": token.pk})


def check(text: str, source_ip: str, at: datetime) -> ApiToken:
    """The token of an Authorization header's value, counted as used. Raises Refused or TooOften."""
    match = TOKEN.fullmatch(text)
    token = ApiToken.objects.select_related("owner", "tag").filter(pk=match[1]).first() if match else None
    if not match or not token or not hmac.compare_digest(token.digest, _digest(match[2])):
        raise Refused("unknown")
    if reason := token.ended(at):
        raise Refused(reason, token)
    if token.network and ipaddress.ip_address(source_ip) not in ipaddress.ip_network(token.network):
        raise Refused("wrong_network", token)
    _count(token, at)
    return token


def actor(token: ApiToken) -> Acting:
    """Who acts in a request with this token."""
    return replace(current(), kind=ActorKind.TOKEN, origin=Origin.API, name=token.name, user_id=token.owner_id)


def _count(token: ApiToken, at: datetime) -> None:
    """One more use, counted in the database: the web server has several processes."""
    minute = int(at.timestamp()) // 60
    with transaction.atomic():
        kept = ApiToken.objects.select_for_update().get(pk=token.pk)
        is_first = kept.last_used_at is None
        kept.uses = kept.uses + 1 if kept.minute == minute else 1
        kept.minute, kept.last_used_at = minute, at
        kept.save(update_fields=["uses", "minute", "last_used_at"])
        if is_first:
            record(ActivityType.TOKEN_FIRST_USED, f"Token {token.name} used for the first time", actor=actor(token))
    if kept.uses > MOST_A_MINUTE:
        raise TooOften(token, 60 - int(at.timestamp()) % 60, is_first=kept.uses == MOST_A_MINUTE + 1)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
