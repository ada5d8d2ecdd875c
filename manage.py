#!/usr/bin/env python3
"""Tomo Monitor's command line: `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tomo_monitor.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from tomo_monitor import demo_folder, logs

    logs.configure_without_settings()
    if os.environ.get("NO_COLOR") and "--force-color" not in sys.argv:
        os.environ["DJANGO_COLORS"] = "nocolor"
    try:
        if sys.argv[1:2] == ["demo"]:
            demo_folder.turn_to(os.environ)
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, demo_folder.NoDemo) as wrong:
        sys.exit(f"Tomo Monitor did not start: {wrong}")


if __name__ == "__main__":
    main()
