"""The activity log in Django admin: for review, read-only, and quick however long it is."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.timezone import localtime

from activity import export, queries, verification
from activity.models import ActivityLog, ActivityLogQuerySet

MOST_COUNTED = 10_000
LOOKED_INTO = ("q", "actor_kind__exact")  # filters without an index


class BoundedPaginator(Paginator[ActivityLog]):
    """Counts no further than the pages go: counting millions of rows takes longer than showing a hundred."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:MOST_COUNTED].count())


@admin.register(ActivityLog)
class ActivityLogAdmin(admin.ModelAdmin[ActivityLog]):
    list_display = ("time", "activity_type", "message", "actor_name", "server_name", "result", "origin", "source_ip")
    list_filter = ("activity_type", "result", "origin", "timestamp")
    search_fields = ("message",)
    search_help_text = "An address, or part of a message or of the name of an actor, server or app"
    date_hierarchy = "timestamp"
    ordering = ("-timestamp", "-id")
    sortable_by = ()
    list_per_page = list_max_show_all = 100
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    actions = ("export_csv", "export_json_lines")
    fields = readonly_fields = (
        *("time", "activity_type", "message", "pretty_details", "result", "actor_name", "actor_kind", "user_id"),
        *("source_ip", "user_agent", "origin", "server_name", "server_id", "app_name", "app_id", "request_id"),
        *("previous", "mac"),
    )

    @admin.display(ordering="timestamp")
    def time(self, row: ActivityLog) -> str:
        return f"{localtime(row.timestamp):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Details")
    def pretty_details(self, row: ActivityLog) -> str:
        return format_html("<pre>{}</pre>", row.pretty_details or "none")

    def get_queryset(self, request: HttpRequest) -> ActivityLogQuerySet:
        """Where no index helps, the newest rows only, unless a time is chosen."""
        rows = ActivityLog.objects.all()
        has_time = any(name.startswith("timestamp__") for name in request.GET)
        if any(request.GET.get(name) for name in LOOKED_INTO) and not has_time:
            rows = rows.filter(queries.lately())
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[ActivityLogQuerySet, bool]:
        return queryset.filter(queries.containing(search_term)) if search_term else queryset, False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        known = {
            "verified": verification.latest(),
            "most_counted": MOST_COUNTED,
            "most_searched": queries.MOST_SEARCHED,
        }
        return super().changelist_view(request, (extra_context or {}) | known)

    @admin.action(description="Export as CSV")
    def export_csv(self, request: HttpRequest, queryset: ActivityLogQuerySet) -> HttpResponseBase:
        return self._export(request, queryset, "csv")

    @admin.action(description="Export as JSON lines, which can be checked")
    def export_json_lines(self, request: HttpRequest, queryset: ActivityLogQuerySet) -> HttpResponseBase:
        return self._export(request, queryset, "jsonl")

    def _export(self, request: HttpRequest, rows: ActivityLogQuerySet, form: str) -> HttpResponseBase:
        return export.download(request, rows, form, _asked(request), datetime.now(UTC))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _asked(request: HttpRequest) -> str:
    """Which rows an action is about, for the record of it: those that were ticked, or all that match the filter."""
    ticked = [("id", row) for row in request.POST.getlist("_selected_action")]
    return request.GET.urlencode() if request.POST.get("select_across") == "1" else urlencode(ticked)
