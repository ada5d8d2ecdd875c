"""The operations of the JSON API in one table: it makes the addresses, the checks and the description of the API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from activity.types import ActivityType, Result
from dashboard import access, figures, reports
from dashboard.api import answers, changes, shapes
from dashboard.api.envelope import Answer
from dashboard.api.parameters import MOST_ID, Parameter, address, choice, choices, instant, number, text
from dashboard.fields import Field
from dashboard.figures import Figures
from dashboard.models import Scope
from metrics.models import Status
from metrics.periods import MOST_POINTS, PERIODS, STEPS

Schema = dict[str, Any]
Answers = Callable[..., dict[str, Any] | Answer]


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked: where and how, what it is for, who may, what it takes, what answers, in which shape.

    `scope` None is any caller. `role` is what a token's owner has to be besides. `body` are the fields of what is sent,
    with rules (as JSON Schema) for them together. `rows` names the list of the answer that can be had as CSV.
    """

    method: str
    route: str
    says: str
    answer: Answers
    shape: Schema
    scope: Scope | None
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Field] = field(default_factory=dict)
    body_rules: Schema = field(default_factory=dict)
    is_body_required: bool = True
    example: Schema = field(default_factory=dict)
    role: Callable[[Any], bool] | None = None
    status: int = 200
    rows: str = ""

    @property
    def name(self) -> str:
        return self.answer.__name__

    @property
    def is_reading(self) -> bool:
        return self.method == "GET"


PAGE = (
    number("limit", "At most so many rows.", most=answers.MOST_ROWS, usual=answers.MOST_ROWS),
    number("offset", "So many rows before them are skipped.", usual=0),
)
AFTER = number("after", "Only ids above this one, in order of id: begin with 0, go on with `next_after`.")
OF_SERVER = number("server_id", "Of this server.")
RANGE = (
    replace(
        choice("period", "Up to now. Usually 24h; not together with from and to.", list(PERIODS)), code="UNKNOWN_PERIOD"
    ),
    instant("from", "Begin of a free range."),
    instant("to", "End of a free range; now, where it is left out. Only together with from."),
    number("resolution", "No step is narrower than so many seconds.", least=1, most=STEPS[-1]),
    number("points", "At most so many steps.", least=2, most=MOST_POINTS, usual=MOST_POINTS),
)


def _range(known: Figures) -> tuple[Parameter, ...]:
    return (*RANGE, choices("series", "These figures alone, separated by commas.", list(known)))


SERVER, APP = "servers/{server_id}", "servers/{server_id}/apps/{app_id}"
KINDS = [str(kind) for kind in ActivityType]
FILTERS = (
    choices("activity_types", "Of these kinds, separated by commas.", KINDS),
    number("user_id", "Done by this user or a token of theirs."),
    text("actor", "Done by the one of exactly this name.", least=1),
    number("server_id", "About this server."),
    number("app_id", "About this app."),
    address("source_ip", "From this address."),
    choice("result", "That ended so.", [str(one) for one in Result]),
    instant("since", "Not before."),
    instant("until", "Before."),
    text("q", "With this in its message or names."),
    number("limit", "At most so many rows.", most=answers.MOST_ROWS, usual=50),
    number("offset", "So many rows before them are skipped.", usual=0),
    number("before", "Only those older than this row: give the `next_before` of the page before.", most=MOST_ID),
)
READ, WRITE = Scope.METRICS_READ, Scope.SERVERS_WRITE


def _get(
    route: str, says: str, answer: Answers, shape: Schema, scope: Scope | None, *parameters: Parameter, rows: str = ""
) -> Operation:
    return Operation("GET", route, says, answer, shape, scope, parameters, rows=rows)


OPERATIONS = (
    _get("summary", "The fleet now", answers.summary, shapes.SUMMARY, Scope.SUMMARY_READ),
    _get("problems", "What is wrong now", answers.problem_list, shapes.PROBLEMS, Scope.SUMMARY_READ),
    _get("health", "Whether the monitor itself works", answers.health, shapes.HEALTH, Scope.SUMMARY_READ),
    _get(
        "servers",
        "All servers with their newest figures",
        answers.servers,
        shapes.SERVERS,
        READ,
        *PAGE,
        AFTER,
        text("q", "With each of these words in its name, address, operating system or tags.", most=200),
        text("tag", "With this tag.", most=40),
        choice("status", "That are so.", [str(one) for one in Status]),
    ),
    Operation(
        "POST",
        "servers",
        "Add a server; it is polled once it was prepared",
        changes.add_server,
        shapes.SERVER,
        WRITE,
        body=changes.NEW_SERVER,
        example={"name": "web-02", "hostname": "web-02.example.org", "tags": ["production"]},
        role=access.is_administrator,
        status=201,
    ),
    _get(SERVER, "One server with its newest figures", answers.server, shapes.SERVER, READ),
    Operation(
        "PATCH",
        SERVER,
        "Change a server: what is not given stays",
        changes.change_server,
        shapes.SERVER,
        WRITE,
        body=changes.CHANGED_SERVER,
        example={"tags": ["production", "shop"]},
        role=access.is_administrator,
    ),
    Operation(
        "DELETE",
        SERVER,
        "Delete a server; its activity stays",
        changes.delete_server,
        shapes.DELETED,
        WRITE,
        role=access.is_administrator,
    ),
    Operation(
        "POST",
        f"{SERVER}/poll",
        "Poll a server now",
        changes.poll_server,
        shapes.POLLING,
        WRITE,
        role=access.is_operator,
        status=202,
    ),
    Operation(
        "GET",
        f"{SERVER}/preparation",
        "How far a server's preparation is",
        answers.preparation,
        shapes.PREPARATION,
        READ,
        role=access.is_administrator,
    ),
    Operation(
        "POST",
        f"{SERVER}/prepare",
        "Prepare a server: scan its host key; with its fingerprint, confirm it and sign in",
        changes.prepare_server,
        shapes.PREPARATION,
        WRITE,
        body=changes.CONFIRMATION,
        is_body_required=False,
        role=access.is_administrator,
        status=202,
    ),
    _get(
        f"{SERVER}/metrics",
        "The history of a server",
        answers.server_metrics,
        shapes.SERVER_HISTORY,
        READ,
        *_range(figures.SERVER),
        rows="metrics",
    ),
    _get(
        f"{SERVER}/explanation",
        "What changed on a server around a time",
        answers.explain_server,
        shapes.EXPLANATION,
        READ,
        instant("at", "What before and after are told apart by; without it, the last minutes and those before."),
        number("minutes", "So many before and after.", least=5, most=1440, usual=60),
    ),
    _get(f"{SERVER}/filesystems", "Its filesystems now", answers.filesystems, shapes.FILESYSTEMS, READ),
    _get(
        f"{SERVER}/filesystems/{{filesystem_id}}/metrics",
        "The history of a filesystem",
        answers.filesystem_metrics,
        shapes.FILESYSTEM_HISTORY,
        READ,
        *_range(figures.FILESYSTEM),
        rows="metrics",
    ),
    _get(f"{SERVER}/interfaces", "Its network interfaces now", answers.interfaces, shapes.INTERFACES, READ),
    _get(
        f"{SERVER}/interfaces/{{interface_id}}/metrics",
        "The history of a network interface",
        answers.interface_metrics,
        shapes.INTERFACE_HISTORY,
        READ,
        *_range(figures.INTERFACE),
        rows="metrics",
    ),
    _get("apps", "All apps with their newest figures", answers.apps, shapes.APPS, READ, *PAGE, AFTER, OF_SERVER),
    _get(f"{SERVER}/apps", "The apps of a server", answers.server_apps, shapes.SERVER_APPS, READ),
    _get(APP, "One app with its newest figures", answers.app, shapes.APP, READ),
    _get(
        f"{APP}/metrics",
        "The history of an app",
        answers.app_metrics,
        shapes.APP_HISTORY,
        READ,
        *_range(figures.APP),
        rows="metrics",
    ),
    _get(
        "activity",
        "The activity log, newest first",
        answers.activity,
        shapes.ACTIVITIES,
        Scope.ACTIVITY_READ,
        *FILTERS,
        rows="logs",
    ),
    Operation(
        "POST",
        "activity",
        "Report what happened",
        changes.report_activity,
        shapes.ACTIVITY,
        Scope.ACTIVITY_WRITE,
        body=reports.FIELDS,
        body_rules=reports.TOGETHER,
        example={"activity_type": "backup_created", "message": "Backup of the shop made"},
        status=201,
    ),
    _get("tokens", "One's own tokens", answers.tokens, shapes.TOKENS, None),
    Operation("DELETE", "tokens/{token_id}", "Revoke the token that asks", changes.revoke_token, shapes.DELETED, None),
)
