"""The Celery entry points, and how a worker process begins and ends."""

import logging
import threading

from celery import Task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

from adapters.models import AdapterImport, BaseImport
from finetune_app.celery import LIGHT_QUEUE, RUN_NEXT_JOB, RUN_NEXT_LIGHT_TASK, SWEEP, TRAIN_QUEUE, app
from finetune_app.datasets.models import DatasetImport
from finetune_app.housekeeping.services.request_tidying import sweep_rules
from finetune_app.imports.end_import import sweep_imports
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.sweep import give_up_attempts_of
from finetune_app.jobs.services.sweep import sweep as sweep_jobs
from finetune_app.jobs.services.wake_workers import wake_workers
from finetune_app.work.run_task import claim_next_task, give_up_tasks_of, sweep_tasks, waits_for_gpu
from finetune_app.work.wake_light_workers import wake_light_workers
from workers.announce import Announcer, capabilities
from workers.pulse import shutting_down
from workers.run_job import run_attempt
from workers.run_worker_task import run_worker_task
from workers.warm.start import warm_parent

log = logging.getLogger(__name__)
# Of a light worker's three threads one is left for what must not wait: sweeps.
_light_slots = threading.BoundedSemaphore(2)
_announcers: list[Announcer] = []  # of this process: none, or the one of a training worker


@app.task(name=RUN_NEXT_JOB, bind=True)
def run_next_job(self: "Task[[], None]") -> None:
    """Carry out what needs a GPU, one after the other: what takes minutes (merges) before the next queued job."""
    name = str(self.request.hostname)
    while not shutting_down.is_set():
        if task := claim_next_task(name, on_gpu=True):
            run_worker_task(task)
        elif attempt := claim_next_job(name):
            log.info("%s begins", attempt)
            run_attempt(attempt)
        else:
            return


@app.task(name=RUN_NEXT_LIGHT_TASK, bind=True)
def run_next_light_task(self: "Task[[], None]") -> None:
    """Claim the next queued piece of work of a light worker and carry it through; then look for another one."""
    if not _light_slots.acquire(blocking=False):
        return  # whoever holds the slots looks for the next task when it is done
    try:
        while not shutting_down.is_set() and (task := claim_next_task(str(self.request.hostname))):
            run_worker_task(task)
    finally:
        _light_slots.release()


@app.task(name=SWEEP)
def sweep() -> None:
    """Find lost attempts, lost tasks and waiting work; beat sends this every few seconds."""
    sweep_jobs()
    sweep_tasks()
    if waits_for_gpu():
        wake_workers()
    for imports in (DatasetImport, BaseImport, AdapterImport):
        sweep_imports(imports)
    sweep_rules()


@worker_ready.connect
def take_up_work(sender: object, **_: object) -> None:
    """A worker that starts gives up what it ran before it died, and looks for work at once."""
    queues, name = sender.app.amqp.queues.consume_from, str(sender.hostname)  # type: ignore[attr-defined]
    if TRAIN_QUEUE in queues:
        warm_parent.warm_up()
        give_up_attempts_of(name)
        give_up_tasks_of(name)
        _announcers.append(Announcer(name, capabilities()))
        _announcers[-1].start()
        wake_workers()
    if LIGHT_QUEUE in queues:
        give_up_tasks_of(name)
        wake_light_workers()


@worker_shutting_down.connect
def hand_back(**_: object) -> None:
    """A worker that is asked to end stops its child, and the job goes back to the queue."""
    shutting_down.set()
    for announcer in _announcers:
        announcer.end()


@worker_shutdown.connect
def say_goodbye(**_: object) -> None:
    """The last thing that a worker does."""
    while _announcers:
        announcer = _announcers.pop()
        announcer.end()
        announcer.join()
