"""The minute-hand: finds attempts whose worker fell silent, logs that were left behind, and queued work."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.models import Attempt, Checkpoint, Job
from finetune_app.jobs.services.end_attempt import fail, requeue, store_log
from finetune_app.jobs.services.record_events import AttemptOver
from finetune_app.jobs.services.wake_workers import wake_workers
from finetune_app.jobs.states import AttemptState, JobState

log = logging.getLogger(__name__)


def sweep() -> None:
    """Put lost jobs back, store forgotten logs, and nudge the workers when something waits. Safe at any time."""
    silent = timezone.now() - timedelta(seconds=settings.LOST_AFTER_SECONDS)
    _give_up(Q(heartbeat_at__lt=silent))
    for attempt in Attempt.objects.exclude(state=AttemptState.RUNNING).filter(log_sha256="", last_number__gt=0):
        store_log(attempt)
    if Job.objects.filter(state=JobState.QUEUED).exists():
        wake_workers()


def give_up_attempts_of(worker: str) -> None:
    """The worker just started, so whatever it ran before it died is lost. Worker names are unique in a broker."""
    _give_up(Q(worker=worker))


def _give_up(which: Q) -> None:
    for attempt in Attempt.objects.filter(which, state=AttemptState.RUNNING).select_related("job"):
        try:
            is_asked_to_pause = attempt.job.state == JobState.PAUSING
            if not is_asked_to_pause and losses_without_progress(attempt) >= settings.MAX_ATTEMPTS:
                fail(attempt, Cause.WORKER_LOST)
            else:
                requeue(attempt, AttemptState.LOST, f"The worker {attempt.worker} stopped answering; trying again.")
        except AttemptOver:
            log.info("%s ended by itself meanwhile.", attempt)


def losses_without_progress(attempt: Attempt) -> int:
    """How many attempts in a row were lost, this one included, without a newer checkpoint than they began from."""
    newest = Checkpoint.objects.filter(job=attempt.job).aggregate(step=Max("step"))["step"] or 0
    before = Attempt.objects.filter(job=attempt.job, number__lt=attempt.number).order_by("-number")
    reached, losses = newest, 0
    for tried in (attempt, *before):
        if reached > tried.resumed_step:
            break
        losses += tried == attempt or tried.state == AttemptState.LOST
        reached = tried.resumed_step
    return losses
