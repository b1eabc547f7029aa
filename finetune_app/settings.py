"""Django settings. Nothing here is read from the environment but through `environment.py`."""

import secrets
from pathlib import Path

import dj_database_url

from finetune_app.environment import environment, named_places

ROOT = Path(__file__).resolve().parent.parent
ENV = environment()
GRAFT_HOME = ENV.graft_home
DEBUG = ENV.graft_debug


def _secret_key() -> str:
    """The key from the environment, else one made at the first start and kept in the data folder."""
    if ENV.graft_secret_key:
        return ENV.graft_secret_key
    path = GRAFT_HOME / "secret_key"
    if not path.exists():
        GRAFT_HOME.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = ENV.graft_secret_key_fallbacks.split()
ALLOWED_HOSTS = [name for name in ENV.graft_allowed_hosts.split(",") if name] or ["localhost", "127.0.0.1", "[::1]"]
BASE_URL = ENV.graft_base_url or f"http://{ENV.host}:{ENV.port}"
CSRF_TRUSTED_ORIGINS = [ENV.graft_base_url] if ENV.graft_base_url else []
SECURE = BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SESSION_COOKIE_AGE = 30 * 24 * 3600
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "template_partials",
    "ninja",
    "finetune_app.accounts",
    "finetune_app.uploads",
    "finetune_app.datasets",
    "adapters",
    "finetune_app.fleet",
    "finetune_app.jobs",
    "finetune_app.merges",
    "finetune_app.housekeeping",
    "finetune_app.home",
    "finetune_app.web",
    "workers",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "finetune_app.web.middleware.ContentSecurityPolicyMiddleware",
    "finetune_app.web.middleware.UserErrorMiddleware",
]
ROOT_URLCONF = "finetune_app.urls"
ASGI_APPLICATION = "finetune_app.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "finetune_app.accounts.context.workspace",
            ],
            "builtins": ["finetune_app.web.templatetags.graft", "template_partials.templatetags.partials"],
        },
    }
]

SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;"
DATABASES = {"default": dj_database_url.parse(ENV.database_url or f"sqlite:///{GRAFT_HOME / 'graft.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction that will write takes the lock when it begins, so it waits instead of failing midway.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": SQLITE_PRAGMAS,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
CSRF_FAILURE_VIEW = "finetune_app.web.error_pages.csrf_failure"
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL

REDIS_URL = ENV.redis_url or "redis://127.0.0.1:6379/0"
STORAGE_URL = ENV.storage_url or (GRAFT_HOME / "storage").as_uri()
DIRECT_DOWNLOADS = ENV.graft_direct_downloads
GARBAGE_GRACE_SECONDS = ENV.graft_garbage_grace_hours * 3600.0  # see `storage/renewal.py`
WORK_FOLDER = GRAFT_HOME / "work"  # run folders and the base cache of the workers on this machine

IMPORT_SOURCES = named_places(ENV.graft_import_sources)
EXPORT_PLACES = named_places(ENV.graft_export_places)
UPLOAD_LIMIT_BYTES = ENV.graft_upload_limit_mb * 1024 * 1024
BASE_LIMIT_BYTES = ENV.graft_base_limit_gb * 1024**3  # of all files of one base model
UPLOAD_FOLDER = GRAFT_HOME / "uploads"  # files that come in pieces, until all of them are here
FILE_UPLOAD_TEMP_DIR = GRAFT_HOME / "tmp"
FILE_UPLOAD_TEMP_DIR.mkdir(parents=True, exist_ok=True)

# A running attempt says that it lives every second or two; after LOST_AFTER_SECONDS of silence it counts as lost.
# A job that loses MAX_ATTEMPTS workers in a row without a newer checkpoint fails: it is probably what takes them down.
LOST_AFTER_SECONDS = 45
MAX_ATTEMPTS = 2

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = ROOT / "build" / "static"
VENDOR_FOLDER = ROOT / "build" / "vendor"  # Tabler, icons and uPlot, put there by `make static`
STATICFILES_DIRS = [ROOT / "finetune_app" / "static", ("vendor", VENDOR_FOLDER)]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": GRAFT_HOME / "tmp"}},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}},
}
