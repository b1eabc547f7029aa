"""End an attempt and with it move its job: one transaction, with the line that says so as the attempt's last."""

import time
from typing import Any

from django.db import transaction
from django.utils import timezone

from adapters.models import AdapterVersion
from finetune_app.jobs.causes import SENTENCES, Cause
from finetune_app.jobs.events import Record, StateEvent
from finetune_app.jobs.live_stream import publish
from finetune_app.jobs.models import Attempt, Checkpoint, LogChunk
from finetune_app.jobs.services.move_job import move_job
from finetune_app.jobs.services.record_events import AttemptOver, append_records
from finetune_app.jobs.states import AttemptState, JobState
from finetune_app.storage import blobs

CAUSE_LENGTH = 500


def succeed(attempt: Attempt, version: AdapterVersion) -> None:
    """The job made `version`."""
    _end(attempt, AttemptState.SUCCEEDED, JobState.SUCCEEDED, f"Made {version}.", adapter_version=version)


def fail(attempt: Attempt, cause: Cause, detail: str = "") -> None:
    """The job failed; `detail` says what exactly happened and joins the cause's sentence."""
    sentence = f"{SENTENCES[cause]} {detail}".strip()[:CAUSE_LENGTH]
    _end(attempt, AttemptState.FAILED, JobState.FAILED, sentence, cause_code=cause, cause=sentence)


def cancelled(attempt: Attempt) -> None:
    """The job was cancelled, and its child has stopped."""
    _end(attempt, AttemptState.CANCELLED, JobState.CANCELLED, "Cancelled.")


def paused(attempt: Attempt) -> None:
    """The job is to wait until somebody resumes it, and its child has stopped."""
    _end(attempt, AttemptState.PAUSED, JobState.PAUSED, _paused_text(attempt))


def requeue(attempt: Attempt, state: AttemptState, why: str) -> None:
    """The attempt ended without a fault of the job's (`interrupted` or `lost`): the job waits for another one."""
    _end(attempt, state, JobState.QUEUED, why)


def _end(attempt: Attempt, state: AttemptState, job_state: JobState, text: str, **changes: Any) -> None:
    """Raises `AttemptOver` when the attempt is no longer running."""
    now = timezone.now()
    if job_state.is_final:
        changes["finished_at"] = now
    with transaction.atomic():
        if not move_job(attempt.job_id, job_state, **changes):
            # Asked for something else between the last look and now: an attempt without a result ends as that.
            if move_job(attempt.job_id, JobState.CANCELLED, only_from=[JobState.CANCELLING], finished_at=now):
                state, job_state, text = AttemptState.CANCELLED, JobState.CANCELLED, "Cancelled."
            elif move_job(attempt.job_id, JobState.PAUSED, only_from=[JobState.PAUSING]):
                job_state, text = JobState.PAUSED, _paused_text(attempt)
            else:
                raise AttemptOver
        last = Record(
            attempt=attempt.number,
            number=attempt.last_number + 1,
            time=time.time(),
            event=StateEvent(state=job_state, text=text),
        )
        append_records(attempt, [last])
        Attempt.objects.filter(pk=attempt.pk).update(state=state, finished_at=now)
    publish(attempt.job_id, [last])
    store_log(attempt)


def _paused_text(attempt: Attempt) -> str:
    newest = Checkpoint.objects.filter(job=attempt.job_id).order_by("-step").first()
    return f"Paused; it goes on from step {newest.step}." if newest else "Paused; it begins anew when it is resumed."


def store_log(attempt: Attempt) -> None:
    """Move the lines of an ended attempt from the database into one blob; doing it again changes nothing."""
    chunks = LogChunk.objects.filter(attempt=attempt).order_by("first")
    body = "".join(chunks.values_list("body", flat=True))
    if not body:
        return
    log = blobs.put_bytes(body.encode())
    with transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(log_sha256=log.sha256)
        chunks.delete()
