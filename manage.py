#!/usr/bin/env python3
"""Tomo Monitor's command line: `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tomo_monitor.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from tomo_monitor import logs

    logs.configure_without_settings()
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"Tomo Monitor did not start: {wrong}")


if __name__ == "__main__":
    main()
