"""Settings, fed by the environment; every variable is explained in .env.example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from django.utils.translation import gettext_lazy as _

from plugcontrol.configuration import Configuration

BASE_DIR = Path(__file__).resolve().parent.parent
_configuration = Configuration(BASE_DIR)

DATA_DIR = _configuration.data_dir
PUBLIC_URL = _configuration.public_url()
DEBUG = _configuration.debug(PUBLIC_URL)
SECRET_KEY = _configuration.secret_key()
HOST = _configuration.text("HOST") or "0.0.0.0"  # noqa: S104 - chargers come over the network
PORT = _configuration.number("PORT", 8000, 1, 65535)
ALLOWED_HOSTS = _configuration.allowed_hosts(PUBLIC_URL)
CSRF_TRUSTED_ORIGINS = _configuration.trusted_origins(PUBLIC_URL)

TRUSTED_PROXIES = _configuration.text("TRUSTED_PROXIES") or "127.0.0.1,::1"

# How we treat chargers and tags
UNKNOWN_CHARGE_POINTS = _configuration.choice("UNKNOWN_CHARGE_POINTS", "ask", ("ask", "refuse", "accept"))
UNKNOWN_ID_TAGS = _configuration.choice("UNKNOWN_ID_TAGS", "refuse", ("refuse", "accept"))
REQUIRE_SUBPROTOCOL = _configuration.boolean("REQUIRE_SUBPROTOCOL", default=False)
MESSAGE_LOG = _configuration.choice("MESSAGE_LOG", "all", ("all", "errors", "none"))
MESSAGE_RETENTION_DAYS = _configuration.number("MESSAGE_RETENTION_DAYS", 14, 1, 3650)
ATTEMPT_RETENTION_DAYS = _configuration.number("ATTEMPT_RETENTION_DAYS", 7, 1, 3650)
HISTORY_RETENTION_DAYS = _configuration.number("HISTORY_RETENTION_DAYS", 0, 0, 36500)
METER_VALUE_DETAIL_DAYS = _configuration.number("METER_VALUE_DETAIL_DAYS", 0, 0, 36500)
HEARTBEAT_INTERVAL = _configuration.number("HEARTBEAT_INTERVAL", 300, 10, 86400)

# Connections of one address that have not yet said what they want; in each process
MAX_WAITING_CONNECTIONS = _configuration.number("MAX_WAITING_CONNECTIONS", 2000, 10, 1_000_000)
# What a charger may send in the long run; more is read later
STATION_MESSAGES_PER_SECOND = _configuration.number("STATION_MESSAGES_PER_SECOND", 500, 1, 1_000_000)

# Files that go to chargers and come from them
FILES_URL = _configuration.files_url()
TRANSFER_HOURS = _configuration.number("TRANSFER_HOURS", 24, 1, 24 * 30)
MAX_FIRMWARE_MB = _configuration.number("MAX_FIRMWARE_MB", 1024, 1, 100_000)
MAX_STATION_FILE_MB = _configuration.number("MAX_STATION_FILE_MB", 100, 1, 100_000)
STATION_FILE_RETENTION_DAYS = _configuration.number("STATION_FILE_RETENTION_DAYS", 90, 1, 3650)
FTP_ADDRESS = _configuration.ftp_address()
FTP_PORT = _configuration.number("FTP_PORT", 2121, 1, 65535)
FTP_PASSIVE_PORTS = _configuration.port_range("FTP_PASSIVE_PORTS", "30000-30019")

# TLS that `serve` ends itself, and certificates of chargers
TLS_PORT = _configuration.number("TLS_PORT", 8443, 1, 65535)
TLS_CERTIFICATE = _configuration.readable_file("TLS_CERTIFICATE")
TLS_KEY = _configuration.readable_file("TLS_KEY")
TLS_SECOND_CERTIFICATE = _configuration.readable_file("TLS_SECOND_CERTIFICATE")
TLS_SECOND_KEY = _configuration.readable_file("TLS_SECOND_KEY")
CLIENT_CERTIFICATE_HEADER = _configuration.text("CLIENT_CERTIFICATE_HEADER").lower()
OPERATOR_NAME = _configuration.text("OPERATOR_NAME") or "plugcontrol"
CA_CERTIFICATE = _configuration.readable_file("CA_CERTIFICATE")
CA_KEY = _configuration.readable_file("CA_KEY")
CA_KEY_PASSWORD = _configuration.text("CA_KEY_PASSWORD")
CERTIFICATE_DAYS = _configuration.number("CERTIFICATE_DAYS", 730, 1, 3650)
CERTIFICATE_RENEWAL_DAYS = _configuration.number("CERTIFICATE_RENEWAL_DAYS", 30, 1, 365)

# Whether `serve` runs jobs too; where workers do, chargers have its processor to themselves
RUN_JOBS = _configuration.boolean("RUN_JOBS", default=True)

# Requests to the REST API, in each server process: of one key or person, and of an address without either
API_REQUESTS_PER_MINUTE = _configuration.number("API_REQUESTS_PER_MINUTE", 6000, 1, 1_000_000)
API_ANONYMOUS_REQUESTS_PER_MINUTE = _configuration.number("API_ANONYMOUS_REQUESTS_PER_MINUTE", 60, 1, 1_000_000)

INSTALLED_APPS = [
    "whitenoise.runserver_nostatic",
    "daphne",
    "plugcontrol",
    "stations",
    "transactions",
    "transfers",
    "certificates",
    "charging_profiles",
    "jobs",
    "people",
    "screens",
    "ocpp_gateway",
    "api",
    "channels",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "django_htmx",
    "auditlog",
    "import_export",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "plugcontrol.health.HealthMiddleware",  # first: any Host, no redirect, no session
    "plugcontrol.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "plugcontrol.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "plugcontrol.database_places.DatabasePlacesMiddleware",  # before the first that asks the database
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "people.middleware.AccessMiddleware",
    "screens.account.guard.SecondFactorMiddleware",
    "people.middleware.ActivityMiddleware",
    "people.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "plugcontrol.history.HistoryMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "plugcontrol.urls"
ASGI_APPLICATION = "plugcontrol.asgi.application"

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
                "csp.context_processors.nonce",
                "screens.navigation.navigation",
            ],
        },
    },
]

# Storage
DATABASES: dict[str, Any] = {"default": _configuration.database()}
REDIS_URL = _configuration.redis_url()
CHANNEL_LAYERS: dict[str, Any] = {
    "default": (
        # the pub/sub layer: the core layer drops idle sockets under redis-py 8 and is half as fast
        {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}
# Result files of jobs: nobody but us reads them, and no web server serves them
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": DATA_DIR / "files",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# counters of requests and guesses, 100 bytes each: the usual 300 would let many callers push each other's out
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}}}

# People
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "people.passwords.EasyPasswordValidator"},
]
REQUIRE_SECOND_FACTOR = _configuration.choice("REQUIRE_SECOND_FACTOR", "off", ("off", "staff"))
OTP_TOTP_ISSUER = OPERATOR_NAME  # what an authenticator app shows above the code
LOGIN_URL = "screens:login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 8 * 3600
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_IPWARE_PROXY_COUNT = None
AXES_IPWARE_META_PRECEDENCE_ORDER = ["REMOTE_ADDR"]  # uvicorn has put a trusted proxy's word there already
AXES_LOCKOUT_TEMPLATE = "screens/account/locked.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["code"]  # beside the password

# The line: an https PUBLIC_URL means that people come over TLS, which a proxy ends in front of us, or we ourselves.
_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = _https
SECURE_SSL_HOST = PUBLIC_URL.removeprefix("https://") if _https else None  # with its port: ours differs from PORT
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# Languages and time
LANGUAGE_CODE = _configuration.choice("LANGUAGE_CODE", "en", ("en", "de"))
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["plugcontrol.formats"]
USE_I18N = True
TIME_ZONE = _configuration.time_zone()
USE_TZ = True

# Static files: found in the packages by default; the container image collects them.
STATIC_URL = "static/"
STATIC_ROOT = _configuration.text("STATIC_ROOT") or None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = DEBUG

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# History: related rows by their names, which stay readable when the row is gone
AUDITLOG_USE_FK_STRING_REPRESENTATION = True

# Import and export: the formula guard is a widget on free-text columns, since the library's switch makes text of
# every number and date in an XLSX file.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_USE_TRANSACTIONS = True
IMPORT_EXPORT_SKIP_ADMIN_ACTION_EXPORT_UI = True

# REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.ApiKeyAuthentication",  # first: its scheme is what a 401 names
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.Allowed"],
    "DEFAULT_THROTTLE_CLASSES": ["api.throttling.PerMinute"],
    "DEFAULT_PARSER_CLASSES": ["api.parsing.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.CursorPages",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # no OPTIONS: the schema says it better
    "EXCEPTION_HANDLER": "api.problems.answer",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "plugcontrol",
    "DESCRIPTION": "Chargers, commands, tags and sessions. Every error is problem JSON (RFC 9457).",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PERMISSIONS": ["api.permissions.Allowed"],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.add_problems"],
}

# Logging: one line per event, for people or for machines
LOG_LEVEL = _configuration.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = _configuration.choice("LOG_FORMAT", "console", ("console", "json"))
_shared_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts" if LOG_FORMAT == "json" else "timestamp"),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared_processors,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [structlog.stdlib.ExtraAdder(), *_shared_processors],
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer()
                if LOG_FORMAT == "json"
                # one event, one line: a station's CR and LF are shown, not obeyed
                else structlog.dev.ConsoleRenderer(colors=False),
            ],
        }
    },
    "filters": {"of_input": {"()": "plugcontrol.log_lines.InputIsNoFault"}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"}},
    "root": {"handlers": ["stdout"], "level": "WARNING"},
    "loggers": {
        name: {"level": LOG_LEVEL}
        for name in (
            *("plugcontrol", "stations", "transactions", "transfers", "certificates", "charging_profiles"),
            *("ocpp_gateway", "api", "jobs", "screens"),
        )
    }
    # a traceback a second while Redis is away; the gateway says so itself, in a line
    | {
        "channels_redis": {"level": "CRITICAL"},
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR", "filters": ["of_input"]},
        "uvicorn.error": {"filters": ["of_input"]},
    },
}
