"""The kinds of activity, with how each is shown. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Level(StrEnum):
    """How much a reader should care; also the colour of the row."""

    INFO = "info"
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


class Category(StrEnum):
    """What a kind is about; each category has a retention of its own."""

    SECURITY = "security"
    CHANGES = "changes"
    EVENTS = "events"


class ActivityType(StrEnum):
    """What can happen; the value is the public name, kept for good."""

    USER_LOGIN = "user_login"
    USER_LOGOUT = "user_logout"
    USER_LOGIN_FAILED = "user_login_failed"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"
    ROLE_CHANGED = "role_changed"
    PERMISSION_DENIED = "permission_denied"
    TOKEN_CREATED = "token_created"
    TOKEN_FIRST_USED = "token_first_used"
    TOKEN_REVOKED = "token_revoked"
    TOOL_CALLED = "tool_called"
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
    SETTINGS_CHANGED = "settings_changed"
    BACKUP_CREATED = "backup_created"
    BACKUP_FAILED = "backup_failed"
    BACKUP_DOWNLOADED = "backup_downloaded"
    BACKUP_RESTORED = "backup_restored"
    DATABASE_MOVED = "database_moved"
    KEYS_EXPORTED = "keys_exported"
    KEYS_IMPORTED = "keys_imported"
    LOG_EXPORTED = "log_exported"
    LOG_PRUNED = "log_pruned"
    LOG_BROKEN = "log_broken"
    LOG_WHOLE_AGAIN = "log_whole_again"
    REPORTED = "reported"


@dataclass(frozen=True)
class Traits:
    """How a kind is shown and kept: its label, its heroicon, its level, its category."""

    label: str
    icon: str
    level: Level = Level.INFO
    category: Category = Category.EVENTS


T = ActivityType
_BY_CATEGORY: dict[Category, dict[ActivityType, Traits]] = {
    Category.SECURITY: {
        T.USER_LOGIN: Traits("Signed in", "user"),
        T.USER_LOGOUT: Traits("Signed out", "user"),
        T.USER_LOGIN_FAILED: Traits("Sign-in failed", "shield-exclamation", Level.WARNING),
        T.USER_CREATED: Traits("User created", "user-plus"),
        T.USER_UPDATED: Traits("User changed", "user"),
        T.USER_DELETED: Traits("User deleted", "user-minus", Level.WARNING),
        T.ROLE_CHANGED: Traits("Role changed", "user-group", Level.WARNING),
        T.PERMISSION_DENIED: Traits("Permission denied", "shield-exclamation", Level.WARNING),
        T.TOKEN_CREATED: Traits("Token created", "key"),
        T.TOKEN_FIRST_USED: Traits("Token first used", "key"),
        T.TOKEN_REVOKED: Traits("Token revoked", "key", Level.WARNING),
        T.TOOL_CALLED: Traits("Assistant asked", "sparkles"),
        T.HOST_KEY_ACCEPTED: Traits("Host key accepted", "finger-print"),
        T.HOST_KEY_CHANGED: Traits("Host key changed", "finger-print", Level.CRITICAL),
        T.BACKUP_DOWNLOADED: Traits("Backup downloaded", "arrow-down-tray", Level.WARNING),
        T.KEYS_EXPORTED: Traits("Keys exported", "key", Level.WARNING),
        T.KEYS_IMPORTED: Traits("Keys imported", "key", Level.WARNING),
        T.LOG_EXPORTED: Traits("Log exported", "arrow-down-tray"),
        T.LOG_PRUNED: Traits("Log pruned", "scissors"),
        T.LOG_BROKEN: Traits("Log does not verify", "shield-exclamation", Level.CRITICAL),
        T.LOG_WHOLE_AGAIN: Traits("Log whole again", "shield-check", Level.OK),
    },
    Category.CHANGES: {
        T.SERVER_ADDED: Traits("Server added", "server"),
        T.SERVER_UPDATED: Traits("Server changed", "pencil-square"),
        T.SERVER_DELETED: Traits("Server deleted", "trash", Level.WARNING),
        T.PREPARATION_STARTED: Traits("Preparation started", "wrench-screwdriver"),
        T.PREPARATION_COMPLETE: Traits("Preparation complete", "check-circle", Level.OK),
        T.PREPARATION_FAILED: Traits("Preparation failed", "exclamation-triangle", Level.WARNING),
        T.SYSTEM_STARTUP: Traits("Monitor started", "power"),
        T.SYSTEM_SHUTDOWN: Traits("Monitor stopped", "power"),
        T.SETTINGS_CHANGED: Traits("Settings changed", "cog-6-tooth"),
        T.BACKUP_CREATED: Traits("Backup created", "archive-box", Level.OK),
        T.BACKUP_FAILED: Traits("Backup failed", "archive-box", Level.CRITICAL),
        T.BACKUP_RESTORED: Traits("Backup restored", "archive-box-arrow-down", Level.WARNING),
        T.DATABASE_MOVED: Traits("Database moved", "circle-stack", Level.WARNING),
        T.REPORTED: Traits("Reported", "megaphone"),
    },
    Category.EVENTS: {
        T.SERVER_CONNECTED: Traits("Server connected", "server", Level.OK),
        T.SERVER_DISCONNECTED: Traits("Server disconnected", "server", Level.CRITICAL),
        T.SERVER_REBOOTED: Traits("Server rebooted", "arrow-path", Level.WARNING),
        T.APP_INSTALLED: Traits("App installed", "cube"),
        T.APP_UNINSTALLED: Traits("App uninstalled", "cube", Level.WARNING),
        T.APP_STARTED: Traits("App started", "play", Level.OK),
        T.APP_STOPPED: Traits("App stopped", "stop"),
        T.APP_CRASHED: Traits("App crashed", "bolt", Level.CRITICAL),
        T.APP_UPDATED: Traits("App updated", "arrow-up-circle"),
        T.APP_RESTARTED: Traits("App restarted", "arrow-path", Level.WARNING),
        T.APP_UNHEALTHY: Traits("App unhealthy", "heart", Level.CRITICAL),
        T.APP_RECOVERED: Traits("App recovered", "heart", Level.OK),
        T.APP_OUT_OF_MEMORY: Traits("App out of memory", "exclamation-triangle", Level.CRITICAL),
        T.APPS_CHANGED: Traits("Many apps changed", "cube", Level.WARNING),
        T.APPS_UNREADABLE: Traits("Apps not readable", "eye-slash", Level.WARNING),
        T.APPS_READABLE: Traits("Apps readable again", "eye", Level.OK),
    },
}
TRAITS = {
    kind: replace(traits, category=category)
    for category, kinds in _BY_CATEGORY.items()
    for kind, traits in kinds.items()
}

# What may come in floods, from outside: only so many rows a minute of one source, and a count of the rest.
FLOODING = frozenset(_BY_CATEGORY[Category.EVENTS]) | {T.USER_LOGIN_FAILED, T.PERMISSION_DENIED}

# What other programs may report: what happens to users, servers and apps in their care, and anything else in words.
REPORTABLE = frozenset(
    {
        T.USER_LOGIN, T.USER_LOGOUT, T.USER_CREATED,
        T.SERVER_ADDED, T.SERVER_UPDATED, T.SERVER_DELETED, T.SERVER_CONNECTED, T.SERVER_DISCONNECTED,
        T.PREPARATION_STARTED, T.PREPARATION_COMPLETE, T.PREPARATION_FAILED,
        T.APP_INSTALLED, T.APP_UNINSTALLED, T.APP_STARTED, T.APP_STOPPED, T.APP_CRASHED, T.APP_UPDATED,
        T.SYSTEM_STARTUP, T.SYSTEM_SHUTDOWN, T.BACKUP_CREATED, T.BACKUP_RESTORED, T.REPORTED,
    }
)  # fmt: skip


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
    MCP = "mcp"
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


def kinds_of(category: Category) -> list[ActivityType]:
    return [kind for kind, one in TRAITS.items() if one.category is category]
