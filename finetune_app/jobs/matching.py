"""Which worker may take which job: for the database, which picks the next one, and for the words why one waits.

A job needs so many bytes on each of so many GPUs. A processor takes it with as many processes, which share the
machine's memory, and only when no GPU worker that is online could: on a GPU it is done many times faster.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import BigIntegerField, Q, Value
from django.db.models.functions import Cast, Greatest

from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import online_workers
from finetune_app.jobs.models import Job


def may_take(worker: Worker | None) -> Q:
    """The jobs that the worker may take; all of them for one that has not said what it has."""
    if worker is None:
        return Q()
    fits = _has_room(worker)
    if worker.kind == "cpu":
        for gpu_worker in _distinct(online_workers().filter(kind="cuda")):
            fits &= ~_has_room(gpu_worker)
    return fits


def can_take(worker: Worker, job: Job, online: Iterable[Worker]) -> bool:
    """Whether the job is one that `may_take` finds for the worker while these workers are `online`."""
    if not has_room(worker, job):
        return False
    return worker.kind == "cuda" or not any(other.kind == "cuda" and has_room(other, job) for other in online)


def has_room(worker: Worker, job: Job) -> bool:
    """Whether the worker's devices are enough, and large enough."""
    return job.gpus <= devices_of(worker) and memory_on(worker, job) <= worker.memory_bytes


def devices_of(worker: Worker) -> int:
    """The most GPUs or, on a processor, processes that a job on this worker can have."""
    return max(1, worker.gpus if worker.kind == "cuda" else worker.cores)


def memory_on(worker: Worker, job: Job) -> int:
    """What the job needs on one of the worker's devices; 0 when nothing was predicted."""
    needed = job.memory_bytes or 0
    return needed * max(1, job.gpus) if worker.kind == "cpu" else needed


def _has_room(worker: Worker) -> Q:
    """`has_room` in the database's words."""
    room: Any = worker.memory_bytes
    if worker.kind == "cpu":
        room = Value(worker.memory_bytes, BigIntegerField()) / Greatest(
            Cast("gpus", BigIntegerField()), 1
        )  # both whole, and so is this
    return Q(gpus__lte=devices_of(worker)) & (Q(memory_bytes=None) | Q(memory_bytes__lte=room))


def _distinct(workers: Iterable[Worker]) -> list[Worker]:
    """One worker for each amount of GPUs and memory."""
    return list({(worker.gpus, worker.memory_bytes): worker for worker in workers}.values())
