from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Access"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from dashboard import receivers  # noqa: F401  (connects the signals)
        from dashboard.access import remember_confirmation

        post_migrate.connect(make_roles, sender=self)
        user_logged_in.connect(remember_confirmation)


def make_roles(using: str, **_kwargs: Any) -> None:
    """The roles beside viewer (everybody) and administrator (superuser) are groups."""
    from django.contrib.auth.models import Group
    from django.db import router

    from dashboard.access import AUDITORS, OPERATORS

    if router.allow_migrate_model(using, Group):
        roles = [Group(name=name) for name in (OPERATORS, AUDITORS)]
        Group.objects.using(using).bulk_create(roles, ignore_conflicts=True)  # no event: nobody did it
