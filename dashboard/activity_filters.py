"""What the activity page is asked for: its filters, read from the address."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core import validators
from django.http import QueryDict

from activity import plain
from activity.queries import ActivityFilter
from activity.types import TRAITS, ActivityType, Category, Result, kinds_of
from dashboard import access
from metrics import periods
from metrics.models import App, Server

PERIODS = {period: f"Last {label}" for period, label in periods.LABELS.items()}
CALENDAR = [
    validators.MinValueValidator(datetime(1970, 1, 1, tzinfo=UTC), "Must be a time after 1970."),
    validators.MaxValueValidator(datetime(9999, 1, 1, tzinfo=UTC), "Must be a time before the year 9999."),
]
MOST_CHOICES = 500
KINDS = [(str(one).capitalize(), [(str(kind), TRAITS[kind].label) for kind in kinds_of(one)]) for one in Category]


class ClockInput(forms.DateTimeInput):
    """The browser's own choice of day and time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class ActivityFilters(forms.Form):
    """Each field is a parameter of the address; an empty one asks for everything."""

    q = forms.CharField(label="Text", max_length=200)
    kind = forms.MultipleChoiceField(label="Kinds", choices=KINDS, widget=forms.CheckboxSelectMultiple)
    server = forms.IntegerField(min_value=1, max_value=2**62, widget=forms.Select)
    app = forms.IntegerField(min_value=1, max_value=2**62, widget=forms.Select)
    actor = forms.CharField(label="Who", max_length=150)
    address = forms.CharField(label="From address", max_length=45)
    result = forms.ChoiceField(choices=[("", "Every result"), ("success", "Success"), ("failure", "Failure")])
    period = forms.ChoiceField(label="Time", choices=[("", "All time"), *PERIODS.items()])
    since = forms.DateTimeField(label="From", widget=ClockInput, validators=CALENDAR)
    until = forms.DateTimeField(label="To", widget=ClockInput, validators=CALENDAR)
    request = forms.RegexField(r"^[A-Za-z0-9._-]{1,40}$", label="Request", widget=forms.HiddenInput)

    def __init__(self, asked: QueryDict, user: Any) -> None:
        super().__init__(asked)
        for name, field in self.fields.items():
            field.required = False
            field.widget.attrs["aria-label"] = self[name].label
        self.full_clean()
        self._seen = access.activity_seen_by(user)
        servers = Server.objects.visible_to(user)
        self._choose("server", "Every server", dict(servers.order_by("name").values_list("pk", "name")))
        apps = App.objects.of(servers).filter(server_id=self.cleaned_data.get("server") or 0).order_by("name")
        self._choose("app", "Every app", dict(apps.values_list("pk", "name")[:MOST_CHOICES]))

    def _choose(self, name: str, everything: str, choices: dict[int, str]) -> None:
        """One of these; one that is not among them, because it is gone, stays chosen."""
        chosen = self.cleaned_data.get(name)
        if chosen and chosen not in choices:
            choices = {chosen: self._called(name, chosen)} | choices
        self.fields[name].widget.choices = [("", everything), *choices.items()]

    def _called(self, name: str, chosen: int) -> str:
        """By the log, which knows those that are gone as well."""
        about = replace(self._seen, server_id=chosen) if name == "server" else replace(self._seen, app_id=chosen)
        if told := about.rows().first():
            return told.server_name if name == "server" else f"{told.app_name} on {told.server_name}"
        app = App.objects.filter(pk=chosen).select_related("server").first() if name == "app" else None
        return f"{app.name} on {app.server.name}" if app else f"{name} {chosen}"

    def clean_address(self) -> str | None:
        given = self.cleaned_data["address"]
        if given and ("%" in given or not plain.address(given)):
            raise forms.ValidationError("Not an IP address.")
        return plain.address(given)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("since") and cleaned.get("until") and cleaned["since"] >= cleaned["until"]:
            self.add_error("until", "Must be later than From.")
        return cleaned

    def wanted(self, seen: ActivityFilter, at: datetime) -> ActivityFilter:
        """What is asked for, of what may be seen. Only when the form is valid."""
        asked = self.cleaned_data
        return replace(
            seen,
            activity_types=[ActivityType(kind) for kind in asked["kind"]],
            server_id=asked["server"],
            app_id=asked["app"],
            actor=asked["actor"],
            source_ip=asked["address"],
            result=Result(asked["result"]) if asked["result"] else "",
            since=asked["since"] or self._begin(at),
            until=asked["until"],
            text=asked["q"],
            request_id=asked["request"],
        )

    def _begin(self, at: datetime) -> datetime | None:
        """When the chosen period began."""
        period = self.cleaned_data["period"]
        return at - timedelta(seconds=periods.PERIODS[period]) if period else None

    def more(self) -> list[forms.BoundField]:
        """The fields that are seldom needed."""
        return [self[name] for name in ("actor", "address", "since", "until")]

    def chips(self) -> list[tuple[str, str]]:
        """What narrows the list, as (what it says, the address without it)."""
        return [
            (f"{self[name].label}: {self._said(name)}", f"?{self.query(name)}")
            for name in self.fields
            if self.data.get(name)
        ]

    def _said(self, name: str) -> str:
        given = self.data.getlist(name) if isinstance(self.data, QueryDict) else []
        known = {"kind": {str(kind): one.label for kind, one in TRAITS.items()}, "period": PERIODS}.get(name)
        if known is None and name in ("server", "app"):
            known = {str(key): label for key, label in self.fields[name].widget.choices}
        return ", ".join((known or {}).get(one, one) for one in given)

    def query(self, without: str = "") -> str:
        """These filters as they stand in an address, from the newest row on."""
        assert isinstance(self.data, QueryDict)
        kept = [(name, given) for name in self.fields if name != without for given in self.data.getlist(name) if given]
        return urlencode(kept)
