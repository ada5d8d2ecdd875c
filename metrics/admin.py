"""Servers in Django admin. Credentials are not shown there; changes go the way of all changes."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from metrics import servers
from metrics.models import Server


@admin.register(Server)
class ServerAdmin(admin.ModelAdmin[Server]):
    list_display = ("name", "address", "status", "since", "paused")
    list_filter = ("state__status", "paused", "tags")
    list_select_related = ("state",)
    search_fields = ("name", "hostname", "notes")
    fields = ("name", "hostname", "port", "username", "tags", "notes", "paused", "status", "since", "explanation")
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
        servers.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for server in queryset:
            servers.delete(server)
