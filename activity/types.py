"""The kinds of activity, with how each is shown. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a reader should care; also the colour of the row."""

    INFO = "info"
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


class ActivityType(StrEnum):
    """What can happen; the value is the public name, kept for good."""

    USER_LOGIN = "user_login"
    USER_LOGOUT = "user_logout"
    USER_LOGIN_FAILED = "user_login_failed"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"
    PERMISSION_DENIED = "permission_denied"
    TOKEN_CREATED = "token_created"
    TOKEN_FIRST_USED = "token_first_used"
    TOKEN_REVOKED = "token_revoked"
    SERVER_ADDED = "server_added"
    SERVER_UPDATED = "server_updated"
    SERVER_DELETED = "server_deleted"
    SERVER_CONNECTED = "server_connected"
    SERVER_DISCONNECTED = "server_disconnected"
    SERVER_REBOOTED = "server_rebooted"
    HOST_KEY_ACCEPTED = "host_key_accepted"
    HOST_KEY_CHANGED = "host_key_changed"
    PREPARATION_STARTED = "preparation_started"
    PREPARATION_COMPLETE = "preparation_complete"
    PREPARATION_FAILED = "preparation_failed"
    APP_INSTALLED = "app_installed"
    APP_UNINSTALLED = "app_uninstalled"
    APP_STARTED = "app_started"
    APP_STOPPED = "app_stopped"
    APP_CRASHED = "app_crashed"
    APP_UPDATED = "app_updated"
    APP_RESTARTED = "app_restarted"
    APP_UNHEALTHY = "app_unhealthy"
    APP_RECOVERED = "app_recovered"
    APP_OUT_OF_MEMORY = "app_out_of_memory"
    APPS_CHANGED = "apps_changed"
    APPS_UNREADABLE = "apps_unreadable"
    APPS_READABLE = "apps_readable"
    SYSTEM_STARTUP = "system_startup"
    SYSTEM_SHUTDOWN = "system_shutdown"


@dataclass(frozen=True)
class Traits:
    """How a kind is shown: its label, its heroicon, its level."""

    label: str
    icon: str
    level: Level = Level.INFO


TRAITS: dict[ActivityType, Traits] = {
    ActivityType.USER_LOGIN: Traits("Signed in", "user"),
    ActivityType.USER_LOGOUT: Traits("Signed out", "user"),
    ActivityType.USER_LOGIN_FAILED: Traits("Sign-in failed", "shield-exclamation", Level.WARNING),
    ActivityType.USER_CREATED: Traits("User created", "user-plus"),
    ActivityType.USER_UPDATED: Traits("User changed", "user"),
    ActivityType.USER_DELETED: Traits("User deleted", "user-minus", Level.WARNING),
    ActivityType.PERMISSION_DENIED: Traits("Permission denied", "shield-exclamation", Level.WARNING),
    ActivityType.TOKEN_CREATED: Traits("Token created", "key"),
    ActivityType.TOKEN_FIRST_USED: Traits("Token first used", "key"),
    ActivityType.TOKEN_REVOKED: Traits("Token revoked", "key", Level.WARNING),
    ActivityType.SERVER_ADDED: Traits("Server added", "server"),
    ActivityType.SERVER_UPDATED: Traits("Server changed", "pencil-square"),
    ActivityType.SERVER_DELETED: Traits("Server deleted", "trash", Level.WARNING),
    ActivityType.SERVER_CONNECTED: Traits("Server connected", "server", Level.OK),
    ActivityType.SERVER_DISCONNECTED: Traits("Server disconnected", "server", Level.CRITICAL),
    ActivityType.SERVER_REBOOTED: Traits("Server rebooted", "arrow-path", Level.WARNING),
    ActivityType.HOST_KEY_ACCEPTED: Traits("Host key accepted", "finger-print"),
    ActivityType.HOST_KEY_CHANGED: Traits("Host key changed", "finger-print", Level.CRITICAL),
    ActivityType.PREPARATION_STARTED: Traits("Preparation started", "wrench-screwdriver"),
    ActivityType.PREPARATION_COMPLETE: Traits("Preparation complete", "check-circle", Level.OK),
    ActivityType.PREPARATION_FAILED: Traits("Preparation failed", "exclamation-triangle", Level.WARNING),
    ActivityType.APP_INSTALLED: Traits("App installed", "cube"),
    ActivityType.APP_UNINSTALLED: Traits("App uninstalled", "cube", Level.WARNING),
    ActivityType.APP_STARTED: Traits("App started", "play", Level.OK),
    ActivityType.APP_STOPPED: Traits("App stopped", "stop"),
    ActivityType.APP_CRASHED: Traits("App crashed", "bolt", Level.CRITICAL),
    ActivityType.APP_UPDATED: Traits("App updated", "arrow-up-circle"),
    ActivityType.APP_RESTARTED: Traits("App restarted", "arrow-path", Level.WARNING),
    ActivityType.APP_UNHEALTHY: Traits("App unhealthy", "heart", Level.CRITICAL),
    ActivityType.APP_RECOVERED: Traits("App recovered", "heart", Level.OK),
    ActivityType.APP_OUT_OF_MEMORY: Traits("App out of memory", "exclamation-triangle", Level.CRITICAL),
    ActivityType.APPS_CHANGED: Traits("Many apps changed", "cube", Level.WARNING),
    ActivityType.APPS_UNREADABLE: Traits("Apps not readable", "eye-slash", Level.WARNING),
    ActivityType.APPS_READABLE: Traits("Apps readable again", "eye", Level.OK),
    ActivityType.SYSTEM_STARTUP: Traits("Monitor started", "power"),
    ActivityType.SYSTEM_SHUTDOWN: Traits("Monitor stopped", "power"),
}


class ActorKind(StrEnum):
    """What sort of actor it was."""

    USER = "user"
    TOKEN = "token"
    SYSTEM = "system"
    COMMAND = "command"


class Origin(StrEnum):
    """Which way it came in."""

    WEB = "web"
    API = "api"
    ADMIN = "admin"
    TASK = "task"
    COMMAND = "command"


class Result(StrEnum):
    """How it ended."""

    SUCCESS = "success"
    FAILURE = "failure"


def traits(activity_type: str) -> Traits:
    """How a stored kind is shown; a kind that this version no longer knows is shown by its name."""
    known = activity_type in ActivityType.__members__.values()
    return TRAITS[ActivityType(activity_type)] if known else Traits(activity_type, "question-mark-circle")
