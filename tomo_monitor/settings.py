"""Django's settings, made from the TOMO_* variables (configuration.py says which there are)."""

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from metrics import sites
from tomo_monitor import __version__, data_folder, databases, demo_folder, logs
from tomo_monitor.configuration import WrongSetting, configuration

django_stubs_ext.monkeypatch()  # Django's generic classes take their parameters at run time, too

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    TOMO = configuration(os.environ)
except WrongSetting as wrong:
    raise ImproperlyConfigured(str(wrong)) from None

VERSION = __version__
DATA_DIR: Path = TOMO["data_dir"]
BACKUP_DIR: Path = TOMO["backup_dir"] or DATA_DIR / "backups"
try:
    data_folder.prepare(DATA_DIR)
    SECRET_KEY = data_folder.secret_key(DATA_DIR)
    CREDENTIAL_KEYS = data_folder.credential_keys(DATA_DIR)
    ACTIVITY_KEY = data_folder.activity_key(DATA_DIR)
    DEMO_BEGUN_AT = demo_folder.begun_at(DATA_DIR)  # None: it is no demo
except (OSError, ValueError) as wrong:
    raise ImproperlyConfigured(f"TOMO_DATA_DIR is {str(DATA_DIR)!r}, which cannot be used: {wrong}") from None

THIS_HOST = f"{socket.gethostname()}:{DATA_DIR}"[:120]  # the same after a restart
LISTEN_HOST, LISTEN_PORT = TOMO["listen"]
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what listens everywhere is asked on the loopback
HOST = WILDCARDS.get(LISTEN_HOST, LISTEN_HOST)
HOST = f"[{HOST}]" if ":" in HOST else HOST
PUBLIC_URL: str = TOMO["public_url"] or f"http://{HOST}:{LISTEN_PORT}"
HTTPS = PUBLIC_URL.startswith("https://")

# What happens in a request ----------------------------------------------------------------------

DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", HOST, str(urlsplit(PUBLIC_URL).hostname)]
ALLOWED_HOSTS += TOMO["allowed_hosts"]
CSRF_TRUSTED_ORIGINS = [TOMO["public_url"]] if TOMO["public_url"] else []
ROOT_URLCONF = "tomo_monitor.urls"
WSGI_APPLICATION = "tomo_monitor.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "tomo_monitor.apps.TomoMonitorConfig",
    "django_q",  # before ours, which takes its models out of the admin again
    "activity",
    "metrics",
    "dashboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "heroicons",
    "csp",
]

MIDDLEWARE = [
    "tomo_monitor.middleware.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "activity.middleware.ActivityContextMiddleware",
    "dashboard.middleware.AdminConfirmationMiddleware",
    "dashboard.middleware.SessionLimitsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context_processors.product",
            ],
            "builtins": [
                "dashboard.templatetags.units",
                "dashboard.templatetags.figures",
                "heroicons.templatetags.heroicons",
            ],
        },
    }
]

# Who may come in --------------------------------------------------------------------------------

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ABSOLUTE_SECONDS = 12 * 3600
SESSION_COOKIE_AGE = 2 * 3600
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "tomo_session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "tomo_csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # not in a third cookie
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# What plotly.js writes into <style> elements: nothing at first (the rules come by script), and its map's style sheet.
PLOTLY_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-elem": [SELF, *PLOTLY_STYLES],
        "style-src-attr": ["'unsafe-inline'"],  # Plotly places its labels so
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Where things are kept --------------------------------------------------------------------------

WEB_WORKERS, WEB_THREADS = 2, 4
DATABASES = databases.of_product(TOMO["database_url"], DATA_DIR, WEB_THREADS)
DATABASE_ROUTERS = ["tomo_monitor.routers.QueueRouter"]
QUEUE_DATABASE = "queue" if "queue" in DATABASES else "default"

# Nothing depends on what is in the cache: it may be emptied or down at any time.
CACHES: dict[str, dict[str, Any]] = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
if TOMO["redis_url"]:
    CACHES["default"] = {
        "BACKEND": "tomo_monitor.cache.ForgivingRedisCache",
        "LOCATION": [TOMO["redis_url"]],
        "KEY_PREFIX": "tomo",
    }

# What happens in the background -----------------------------------------------------------------

POLL_CLUSTERS = sites.poller_names(TOMO["site"], TOMO["node"], TOMO["pollers"]) if "poll" in TOMO["parts"] else []
CLUSTERS = [*(["tasks"] if "tasks" in TOMO["parts"] else []), *POLL_CLUSTERS]
NEVER = 1_000_000  # tasks: a worker that ends was killed, and the supervisor starts its cluster again
# A poller has one worker: the SSH connections live in it.
POLL_CLUSTER = {"workers": 1, "recycle": NEVER, "queue_limit": 1, "timeout": 600, "retry": 900, "guard_cycle": 1}
# A backup may take long, and so may following the activity log: a third worker answers beats and prepares servers.
Q_CLUSTER: dict[str, Any] = {
    "name": "tasks",
    "orm": QUEUE_DATABASE,
    "workers": 3,
    "recycle": NEVER,
    "queue_limit": 4,
    "bulk": 1,
    "timeout": 3600,
    "retry": 3700,
    "max_attempts": 3,
    "ack_failures": True,
    "poll": 0.5,
    "guard_cycle": 1,
    "save_limit": -1,
    "catch_up": False,
    "log_level": "WARNING",
    "ALT_CLUSTERS": {name: dict(POLL_CLUSTER) for name in POLL_CLUSTERS},
}

# How things are shown ---------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE: str = TOMO["time_zone"]
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
FILE_UPLOAD_PERMISSIONS = 0o600
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "tomo_monitor.finders.PlotlyFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LOGGING_CONFIG = None
logs.configure(TOMO["log_format"])
