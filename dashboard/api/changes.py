"""What each operation that changes something does, and answers."""

import re
from dataclasses import replace
from typing import Any

from django.forms.models import model_to_dict

from dashboard import reports, tokens, wire
from dashboard.api.bodies import Sent
from dashboard.api.callers import Caller
from dashboard.api.envelope import Answer, ApiError, bad
from dashboard.fields import Field, WrongField, whole
from dashboard.forms import KEEP, ServerForm
from metrics import preparation, queries, servers, sites
from metrics.addresses import LABEL
from metrics.models import Preparation, Server
from metrics.queue import enqueue

REPLAYED = "Idempotent-Replayed"


def _text(most: int, says: str, *, least: int = 0, pattern: str = reports.TEXT_PATTERN) -> Field:
    def read(value: Any) -> str | None:
        is_text = isinstance(value, str) and least <= len(value) <= most and not reports.NO_TEXT.search(value)
        return value if is_text else None

    schema = {"type": "string", "minLength": least, "maxLength": most, "pattern": pattern}
    return Field(says, schema, read)


def _names(value: Any) -> list[str] | None:
    is_list = isinstance(value, list) and all(isinstance(one, str) and TAG.fullmatch(one) for one in value)
    return value if is_list and len(value) <= MOST_TAGS else None


MOST_TAGS = 50
TAG = re.compile(r"[\w.:-]{1,40}")
SERVER = {
    "name": _text(
        64, "1 to 64 characters: letters, digits, spaces and . : @ _ -", least=1, pattern=r"^\w[\w.:@-]*( [\w.:@-]+)*$"
    ),
    "hostname": _text(
        253, "a host name or an IP address, without a user or a port", least=1, pattern=rf"^{LABEL}(\.{LABEL})*$"
    ),
    "port": Field(
        "a whole number from 1 to 65535",
        {"type": "integer", "minimum": 1, "maximum": 65535},
        lambda value: found if (found := whole(value)) and found <= 65535 else None,
    ),
    "username": _text(64, "the account to sign in with", least=1, pattern=r"^[A-Za-z_][A-Za-z0-9_.@-]*$"),
    "site": _text(
        sites.LONGEST,
        f"the site whose pollers reach it: {sites.RULE}; empty for the home site",
        pattern=r"^([0-9]*[a-z][a-z0-9]*(-[0-9]*[a-z][a-z0-9]*)*)?$",
    ),
    "tags": Field(
        f"a list of at most {MOST_TAGS} tags, of letters, digits and . : _ -",
        {
            "type": "array",
            "maxItems": MOST_TAGS,
            "items": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": r"^[\w.:-]+$"},
        },
        _names,
    ),
    "notes": _text(10_000, "at most 10,000 characters"),
}
NEW_SERVER = SERVER | {name: replace(SERVER[name], is_required=True) for name in ("name", "hostname")}
CHANGED_SERVER = SERVER | {
    "paused": Field("true or false", {"type": "boolean"}, lambda value: value if isinstance(value, bool) else None)
}
CONFIRMATION = {
    "fingerprint": _text(100, "the host key that was compared with the server's own, such as SHA256:…", least=1)
}


def add_server(caller: Caller, sent: Sent) -> dict[str, Any]:
    usual = {"port": 22, "username": "tomo", "credential": "generated"}
    form = _checked(caller, ServerForm(usual | _of_form(sent)), sent)
    added = servers.add(form.instance, form.secret, form.cleaned_data["tags"], caller.at)
    return _told(caller, str(added.pk))


def change_server(caller: Caller, sent: Sent, server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    before = model_to_dict(found, ServerForm.Meta.fields) | {"tags": ", ".join(tag.name for tag in found.tags.all())}
    form = ServerForm(before | {"credential": KEEP} | _of_form(sent), instance=found)
    if not form.has_credential:
        form.fields.pop("credential", None)
    form = _checked(caller, form, sent)
    has_moved = (found.hostname, found.port) != (before["hostname"], before["port"])
    if has_moved and found.host_keys.exists():  # moving it away and back would let any host key be confirmed
        message = "hostname, port: The host key belongs to the address before: an administrator moves it on its page."
        raise ApiError(409, "HOST_KEY_PINNED", message)
    servers.change(form.instance, form.secret, form.cleaned_data["tags"], caller.at)
    return _told(caller, server_id)


def delete_server(caller: Caller, _sent: Sent, server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    number = found.pk
    servers.delete(found, caller.at)
    return {"id": number}


def poll_server(caller: Caller, _sent: Sent, server_id: str) -> dict[str, Any]:
    found = caller.server(server_id)
    if not servers.poll_soon(found, caller.at):
        raise ApiError(409, "NOT_PREPARED", f"{found.name} has to be prepared, or mended, first.")
    return {"server_id": found.pk}


def prepare_server(caller: Caller, sent: Sent, server_id: str) -> dict[str, Any]:
    """Without a fingerprint the scan begins; with one that it saw, the host key is pinned and tried."""
    found = caller.server(server_id)
    if not found.is_dialled:
        raise ApiError(409, "NOT_DIALLED", f"{found.name} is watched without SSH: there is nothing to prepare.")
    fingerprint = sent.fields.get("fingerprint")
    if fingerprint is None:
        enqueue("scan", preparation.begin(found, caller.at).pk)
    else:
        _confirm(caller, found, fingerprint)
    return wire.preparation(found, found.preparations.first())


def _confirm(caller: Caller, server: Server, fingerprint: str) -> None:
    waiting = server.preparations.filter(state=Preparation.State.CONFIRMING).first()
    seen = {key["fingerprint"] for key in waiting.host_keys} if waiting else set()
    if waiting is None or fingerprint not in seen:
        raise ApiError(409, "NOT_SEEN", "fingerprint: The scan has not seen it. Allowed: one of `host_keys`.")
    if server.host_keys.exists():
        message = "The server had another host key before: an administrator accepts the new one on its page."
        raise ApiError(409, "HOST_KEY_CHANGED", message)
    preparation.confirm(waiting, fingerprint, caller.at)
    enqueue("test", waiting.pk)


def report_activity(caller: Caller, sent: Sent) -> Answer:
    """Record what another program tells, once for each idempotency key."""
    assert caller.token, "only a token writes"
    reporter = reports.Reporter(f"token {caller.token.pk}", caller.servers, bool(caller.token.tag))
    try:
        row, is_new = reports.record_once(reports.report(sent.fields), reporter, sent.idempotency_key, caller.at)
    except WrongField as wrong:
        raise ApiError(400, "BAD_PARAMETER", str(wrong)) from None
    except reports.UnknownThing as unknown:
        raise ApiError(404, "NOT_FOUND", str(unknown)) from None
    except reports.Conflict as conflict:
        raise ApiError(409, "IDEMPOTENCY_CONFLICT", str(conflict)) from None
    return Answer(wire.activity(row), 201) if is_new else Answer(wire.activity(row), headers={REPLAYED: "true"})


def revoke_token(caller: Caller, _sent: Sent, token_id: str) -> dict[str, Any]:
    if caller.token is None or str(caller.token.pk) != token_id:
        raise ApiError(404, "NOT_FOUND", "There is no such token. Allowed: the id of the token that is sent.")
    tokens.revoke(caller.token, caller.at)
    return {"id": caller.token.pk}


def _of_form(sent: Sent) -> dict[str, Any]:
    """What was sent, as the form of the page has it."""
    given = dict(sent.fields)
    if "tags" in given:
        given["tags"] = ", ".join(given["tags"])
    return given


def _checked(caller: Caller, form: ServerForm, sent: Sent) -> ServerForm:
    """The form, if it takes what was sent. Raises ApiError for the first thing that it does not."""
    for name in sent.fields:
        if name not in form.fields:
            raise bad(name, "This server is watched without SSH: it has none.")
    if form.is_valid():
        _check_tag(caller, form.cleaned_data["tags"])
        return form
    name, [error, *_] = next(iter(form.errors.as_data().items()))
    message = str(next(iter(error.messages)))
    if error.code == "unique":
        raise ApiError(409, "NAME_TAKEN", f"{name}: {message}")
    if name == "credential":
        raise ApiError(
            409, "CREDENTIAL_NEEDED", "hostname: The password belongs to the address before: do it on its page."
        )
    raise bad(name, message)


def _check_tag(caller: Caller, tags: list[str]) -> None:
    """A token of a tag makes no server that it does not see."""
    tag = caller.token.tag if caller.token else None
    if tag and tag.name not in tags:
        raise bad("tags", f"This token is for the servers of a tag. Allowed: a list with {tag.name}.")


def _told(caller: Caller, server_id: str) -> dict[str, Any]:
    return wire.server(queries.server_row(caller.server(server_id), caller.at), caller.at)
