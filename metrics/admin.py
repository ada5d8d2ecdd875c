"""Servers and apps in Django admin. Credentials are not shown there; changes go the way of all changes."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from metrics import servers
from metrics.models import App, Server


@admin.register(Server)
class ServerAdmin(admin.ModelAdmin[Server]):
    list_display = ("name", "address", "status", "since", "paused")
    list_filter = ("state__status", "paused", "site", "tags")
    list_select_related = ("state",)
    search_fields = ("name", "hostname", "notes")
    fields = (
        "name",
        "hostname",
        "port",
        "username",
        "site",
        "tags",
        "notes",
        "paused",
        "status",
        "since",
        "explanation",
    )
    readonly_fields = ("hostname", "port", "username", "status", "since", "explanation")
    filter_horizontal = ("tags",)

    @admin.display(ordering="state__status")
    def status(self, server: Server) -> str:
        return str(server.status.label)

    @admin.display(ordering="state__since")
    def since(self, server: Server) -> datetime:
        return server.state.since

    @admin.display(description="Reason")
    def explanation(self, server: Server) -> str:
        return server.state.explanation or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A server is added where it is prepared: on its page, by command or by import."""
        return False

    def save_model(self, request: HttpRequest, obj: Server, form: Any, change: bool) -> None:
        servers.change(obj, None, [tag.name for tag in form.cleaned_data["tags"]], datetime.now(UTC))

    def delete_model(self, request: HttpRequest, obj: Server) -> None:
        servers.delete(obj, datetime.now(UTC))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for server in queryset:
            servers.delete(server, datetime.now(UTC))


@admin.register(App)
class AppAdmin(admin.ModelAdmin[App]):
    """Read-only: what is there is what the servers show."""

    list_display = (
        "name",
        "server",
        "condition",
        "state",
        "health",
        "image",
        "restart_count",
        "started_at",
        "removed_at",
    )
    list_filter = ("condition", "state", "health", "engine", ("removed_at", admin.EmptyFieldListFilter))
    list_select_related = ("server",)
    search_fields = ("name", "image", "container_name", "container_id", "server__name")
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: App | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: App | None = None) -> bool:
        return False
