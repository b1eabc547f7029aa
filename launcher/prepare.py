"""What comes before the processes, in a program of its own: tables, the first user, the demo base and its sample job.

`python -m launcher.prepare [--no-sample-job]`; one program, because each start of Django takes a second.
"""

import io
import os
import sys

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from finetune_app.storage import blobs
from launcher.plan import NO_SAMPLE_JOB

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finetune_app.settings")


def main() -> int:
    """Prepare; what is there already is left as it is."""
    django.setup()
    if problem := _database_problem() or _storage_problem():
        print(problem, file=sys.stderr)
        return 2
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("ensure_first_user", stdout=io.StringIO())
        call_command("prepare_demo", *([NO_SAMPLE_JOB] if NO_SAMPLE_JOB in sys.argv else []))
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _database_problem() -> str:
    try:
        connection.ensure_connection()
    except OperationalError as error:
        variable = "DATABASE_URL" if settings.ENV.database_url else "GRAFT_HOME"
        return f"{variable}: cannot open the database: {' '.join(str(error).split())}"
    return ""


def _storage_problem() -> str:
    """Write and delete a blob; only for a storage that somebody named, a folder under GRAFT_HOME is known to work."""
    if not settings.ENV.storage_url:
        return ""
    try:
        blob = blobs.put_bytes(b"Graft can write here.\n")
        blobs.delete(blob.sha256)
    except Exception as error:  # noqa: BLE001 – the store's library raises kinds of its own
        return f"STORAGE_URL: cannot write to the storage: {' '.join(str(error).split())[:500]}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
