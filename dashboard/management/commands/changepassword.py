"""`manage.py changepassword`: Django's own, recorded as done by the person at the terminal."""

from typing import Any

from django.contrib.auth.management.commands import changepassword

from metrics.management.commands._arguments import as_command


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        with as_command():
            return super().handle(*args, **options)
