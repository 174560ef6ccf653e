"""Django settings, all from the environment (portal/environment.py says what and how it is checked).

`DJANGO_OWNER=1` (set by the `migrate` command's caller) selects DATABASE_OWNER_URL: migrations run as the owner,
everything else as the app's role, which can neither create a table nor touch the history.
"""

import sys
from pathlib import Path

from csp.constants import NONE, SELF

from portal.environment import BadEnvironment, Variables, berth

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    _read = Variables()
    DEBUG = _read.flag("DEBUG", default=False)
    SECRET_KEY = _read.text("SECRET_KEY")
    ALLOWED_HOSTS = _read.listed("ALLOWED_HOSTS", "127.0.0.1,localhost")
    _owner = _read.flag("DJANGO_OWNER", default=False)
    DATABASES = {"default": _read.database("DATABASE_OWNER_URL" if _owner else "DATABASE_URL")}
    REDIS_URL = _read.url("REDIS_URL", ("redis", "rediss", "unix"))
    BROKER_PREFIX = _read.text("BERTH_BROKER_PREFIX", "berth")
    BERTH = berth(_read, BASE_DIR)
    CSRF_TRUSTED_ORIGINS = _read.listed("CSRF_TRUSTED_ORIGINS", BERTH.public_url)
except BadEnvironment as bad:
    sys.exit(f"berth: {bad}")

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "delivery.apps.DeliveryConfig",
    "observability.apps.ObservabilityConfig",
    "provisioning.apps.ProvisioningConfig",
    "catalog.apps.CatalogConfig",
    "policies.apps.PoliciesConfig",
    "audit.apps.AuditConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.RequestId",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.SignedIn",
    "portal.read_only.ReadOnly",
    "portal.impersonation.Impersonated",
    "portal.second_factor.session.CarriesProof",
    "portal.middleware.ViewerZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.OwnNotFound",
    "portal.middleware.KeptText",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.shell.shell",
            ],
            "builtins": [
                "portal.templatetags.berth_ui",
                "portal.templatetags.berth_waivers",
                "django.templatetags.i18n",
                "django.templatetags.static",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
        },
    }
]

AUTH_USER_MODEL = "policies.User"
AUTHENTICATION_BACKENDS = ["portal.signin.PasswordBackend", "guardian.backends.ObjectPermissionBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
MFA_ADAPTER = "portal.second_factor.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Berth"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_DIGITS = 10
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "signin"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BERTH.var / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = True
WHITENOISE_USE_FINDERS = False
WHITENOISE_AUTOREFRESH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000

_https = BERTH.public_url.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "berth_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.views.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{BROKER_PREFIX}:",
    "visibility_timeout": 3600,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_TIME_LIMIT = 3600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "berth"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "provisioning.sweep", "schedule": 1.0, "options": {"expires": 5}},
    "catalogue": {"task": "catalog.sync", "schedule": 30.0, "options": {"expires": 25}},
    "expire": {"task": "provisioning.expire", "schedule": 5.0, "options": {"expires": 20}},
    "recheck": {"task": "provisioning.recheck", "schedule": 3.0, "options": {"expires": 10}},
    "orphans": {"task": "provisioning.orphans", "schedule": 5.0, "options": {"expires": 20}},
    "pools": {"task": "provisioning.pools", "schedule": 5.0, "options": {"expires": 20}},
    "budgets": {"task": "provisioning.budgets", "schedule": 300.0, "options": {"expires": 250}},
    "waivers": {"task": "provisioning.waivers", "schedule": 10.0, "options": {"expires": 20}},
    "scan": {"task": "provisioning.scan", "schedule": 3.0, "options": {"expires": 10}},
    "policy_sources": {"task": "portal.policy_sources", "schedule": 30.0, "options": {"expires": 25}},
    "policies": {"task": "policies.bundles", "schedule": 5.0, "options": {"expires": 20}},
    "running": {"task": "provisioning.judge_running", "schedule": 5.0, "options": {"expires": 20}},
    "windows": {"task": "policies.windows", "schedule": 3600.0, "options": {"expires": 600}},
    "switches": {"task": "policies.switches", "schedule": 5.0, "options": {"expires": 20}},
    "forget": {"task": "policies.forget", "schedule": 3600.0, "options": {"expires": 600}},
    "outbox": {"task": "portal.deliver_outbox", "schedule": 2.0, "options": {"expires": 10}},
    "pulse": {"task": "portal.pulse", "schedule": 5.0, "options": {"expires": 20}},
    "access-review": {"task": "portal.review_access", "schedule": 300.0, "options": {"expires": 600}},
    "partitions": {"task": "portal.ensure_partitions", "schedule": 3600.0, "options": {"expires": 600}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.auth.TokenAuthentication", "portal.api.auth.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.auth.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "portal.api.paging.Cursor",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problems.handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.JsonObject"],
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Berth",
    "DESCRIPTION": "Self-service environment management: the same actions as in the browser, under the same rules.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "OperationStatus": "provisioning.states.OperationStatus",
        "EnvironmentStatus": "provisioning.states.EnvironmentStatus",
        "BundleState": "policies.models.BundleState",
        "StepStatus": "provisioning.models.OperationStep.Status",
        "TemplateState": "catalog.models.TemplateState",
        "WaiverState": "policies.models.waivers.WaiverState",
        "InventorySource": "provisioning.models.InventoryImport.Source",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "provisioning.redaction.RedactingFilter"}},
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["console"], "level": _read.text("LOG_LEVEL", "INFO")},
    "loggers": {
        name: {"level": "WARNING"}
        for name in ("celery.app.trace", "celery.beat", "celery.worker.strategy", "httpx", "httpcore")
    },
}
