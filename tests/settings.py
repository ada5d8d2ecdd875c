"""The product's settings over a data folder that lasts as long as the test run."""

import atexit
import os
import shutil
import tempfile

KEPT = {"TOMO_DATABASE_URL", "TOMO_REDIS_URL"}
for name in [name for name in os.environ if name.startswith("TOMO_") and name not in KEPT]:
    del os.environ[name]
os.environ["TOMO_DATA_DIR"] = tempfile.mkdtemp(prefix="tomo-test-")
atexit.register(shutil.rmtree, os.environ["TOMO_DATA_DIR"], ignore_errors=True)

from tomo_monitor.settings import *  # noqa: E402, F403
from tomo_monitor.settings import Q_CLUSTER, STATIC_ROOT, STORAGES  # noqa: E402

STATIC_ROOT.mkdir(exist_ok=True)
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
Q_CLUSTER["sync"] = False
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
