"""The Celery entry points, and how a worker process begins and ends."""

import logging

from celery import Task
from celery.signals import worker_ready, worker_shutting_down

from finetune_app.celery import RUN_NEXT_JOB, SWEEP, TRAIN_QUEUE, app
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.sweep import give_up_attempts_of
from finetune_app.jobs.services.sweep import sweep as sweep_jobs
from finetune_app.jobs.services.wake_workers import wake_workers
from workers.pulse import shutting_down
from workers.run_job import run_attempt

log = logging.getLogger(__name__)


@app.task(name=RUN_NEXT_JOB, bind=True)
def run_next_job(self: "Task[[], None]") -> None:
    """Claim the next queued job and carry it through; then look for another one."""
    while not shutting_down.is_set() and (attempt := claim_next_job(str(self.request.hostname))):
        log.info("%s begins", attempt)
        run_attempt(attempt)


@app.task(name=SWEEP)
def sweep() -> None:
    """Find lost attempts and waiting jobs; beat sends this every few seconds."""
    sweep_jobs()


@worker_ready.connect
def take_up_work(sender: object, **_: object) -> None:
    """A training worker that starts gives up what it ran before it died, and looks for work at once."""
    if TRAIN_QUEUE in sender.app.amqp.queues.consume_from:  # type: ignore[attr-defined]
        give_up_attempts_of(str(sender.hostname))  # type: ignore[attr-defined]
        wake_workers()


@worker_shutting_down.connect
def hand_back(**_: object) -> None:
    """A worker that is asked to end stops its child, and the job goes back to the queue."""
    shutting_down.set()
