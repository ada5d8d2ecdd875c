"""`manage.py createsuperuser`: Django's own, recorded as done by the person at the terminal."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from metrics.management.commands._arguments import as_command


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        with as_command():
            return super().handle(*args, **options)
