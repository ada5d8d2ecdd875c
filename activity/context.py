"""Who is acting, and which way it came in: set once at the rim, read by record()."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps

import structlog

from activity.types import ActorKind, Origin

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Acting:
    """The actor of what happens now. `user_id` is None for anybody who is not a signed-in user."""

    kind: ActorKind = ActorKind.SYSTEM
    origin: Origin = Origin.TASK
    name: str = "system"
    user_id: int | None = None
    source_ip: str | None = None
    user_agent: str = ""
    request_id: str = ""


NOBODY = Acting()
_acting: ContextVar[Acting] = ContextVar("acting", default=NOBODY)


def new_request_id() -> str:
    return uuid.uuid4().hex


def current() -> Acting:
    return _acting.get()


@contextmanager
def acting(actor: Acting) -> Iterator[None]:
    """All that is recorded inside is recorded as done by this actor; log lines carry its request id."""
    token = _acting.set(actor)
    try:
        with structlog.contextvars.bound_contextvars(**({"request_id": actor.request_id} if actor.request_id else {})):
            yield
    finally:
        _acting.reset(token)


def task(run: Callable[..., None]) -> Callable[..., None]:
    """What the queue runs, as the system, for the request that asked; a run that nobody asked for has an id of its own.

    Its failure ends here, as one line of the log: the queue would keep it, and whatever is in it.
    """

    @wraps(run)
    def for_request(*ids: int, request_id: str = "") -> None:
        with acting(Acting(request_id=request_id or new_request_id())):
            try:
                run(*ids)
            except Exception:
                log.exception("task.failed", task=run.__name__)

    return for_request
