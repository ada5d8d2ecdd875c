"""The activity log in Django admin: for review, read-only."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.timezone import localtime

from activity.models import ActivityLog


@admin.register(ActivityLog)
class ActivityLogAdmin(admin.ModelAdmin[ActivityLog]):
    list_display = (
        "time",
        "activity_type",
        "actor_name",
        "server_name",
        "message",
        "result",
        "origin",
        "source_ip",
    )
    list_filter = ("activity_type", "result", "origin", "actor_kind", "timestamp")
    search_fields = ("message", "actor_name", "server_name", "source_ip")
    date_hierarchy = "timestamp"
    ordering = ("-id",)
    list_per_page = 100
    show_full_result_count = False
    exclude = ("details",)
    readonly_fields = ("pretty_details",)

    @admin.display(ordering="timestamp")
    def time(self, row: ActivityLog) -> str:
        return f"{localtime(row.timestamp):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Details")
    def pretty_details(self, row: ActivityLog) -> str:
        return format_html("<pre>{}</pre>", json.dumps(row.details, indent=2, ensure_ascii=False, sort_keys=True))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
