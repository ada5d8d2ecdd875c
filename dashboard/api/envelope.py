"""The envelope of every answer of the API, and what makes one an error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse, JsonResponse


@dataclass(frozen=True)
class Answer:
    """What was asked for, where it is more than its data."""

    data: dict[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An answer that is an error: `code` is stable, `message` names what is allowed."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}
        super().__init__(message)


def bad(name: str, message: str) -> ApiError:
    return ApiError(400, "BAD_PARAMETER", f"{name[:100]}: {message}")


def wrong_range(name: str, message: str) -> ApiError:
    """Each parameter is right, and together they make no stretch of time of which anything can be known."""
    return ApiError(409, "WRONG_RANGE", f"{name}: {message}")


AGAIN = {"Retry-After": "10"}
FAILED = ApiError(500, "INTERNAL", "The answer could not be made; the log has the reason.")
DATABASE_DOWN = ApiError(503, "UNAVAILABLE", "The database does not answer: try again in ten seconds.", AGAIN)


def told(answer: Answer) -> HttpResponse:
    return _json({"success": True, "data": answer.data, "message": "OK"}, answer.status, answer.headers)


def refused(error: ApiError) -> HttpResponse:
    return _json(failure(error), error.status, error.headers)


def failure(error: ApiError) -> dict[str, Any]:
    """The envelope itself."""
    return {"success": False, "message": error.message, "error": error.code}


def _json(body: dict[str, Any], status: int, headers: Mapping[str, str]) -> HttpResponse:
    response = JsonResponse(body, status=status, headers=dict(headers), json_dumps_params={"allow_nan": False})
    response["Cache-Control"] = "no-store"
    return response
