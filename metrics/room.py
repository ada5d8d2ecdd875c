"""Whether the data folder's disk has room left: below a floor samples are no longer stored, so that the rest works."""

import shutil

from django.conf import settings

FLOOR_BYTES = 64 * 2**20  # what sign-in, settings and the activity log may still need


def is_short() -> bool:
    return shutil.disk_usage(settings.DATA_DIR).free < FLOOR_BYTES
