"""Change the order in which a workspace's waiting jobs start."""

from typing import Literal, get_args

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role, Workspace
from finetune_app.errors import UserError
from finetune_app.jobs.access import get_job
from finetune_app.jobs.models import Job
from finetune_app.jobs.priorities import Priority, priority_of
from finetune_app.jobs.queue_order import place_of, queue_of
from finetune_app.jobs.services.wake_workers import wake_workers_on_commit
from finetune_app.jobs.states import JobState

Move = Literal["first", "up", "down"]
MOVES: tuple[Move, ...] = get_args(Move)


def move_in_queue(access: Access, number: int, to: Move) -> Job:
    """Let the job start before or after its neighbour, or first of all, among its workspace's jobs of its priority.

    At the end of the line it stays where it is.

    Raises:
        NotFound: the workspace has no such job.
        UserError: not allowed, or the job does not wait (`not_queued`).
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        line, index = _line_with(access, number)
        job = line[index]
        target = {"first": 0, "up": max(0, index - 1), "down": min(len(line) - 1, index + 1)}[to]
        line.insert(target, line.pop(index))
        if target != index:
            _take_place(access.workspace, line, target)
    return job


def move_before(access: Access, number: int, other: int) -> Job:
    """Let the job start directly before the job `other`, which waits with the same priority.

    Raises:
        NotFound: the workspace has no such job.
        UserError: not allowed, a job does not wait (`not_queued`), or their priorities differ (`other_priority`).
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        line, index = _line_with(access, number)
        job = line[index]
        neighbour = get_job(access, other)
        _require_queued(neighbour, field="before")
        if neighbour.priority != job.priority:
            raise UserError(
                "other_priority",
                f"Job {other} has the priority {priority_of(neighbour.priority)}, job {number} "
                f"{priority_of(job.priority)}: give both the same first.",
                field="before",
            )
        if neighbour != job:
            line.insert(target := line.index(neighbour) - (line.index(neighbour) > index), line.pop(index))
            _take_place(access.workspace, line, target)
    return job


def set_priority(access: Access, number: int, priority: Priority) -> Job:
    """Give a waiting job another priority; among the jobs of that one its age decides.

    Raises:
        NotFound: the workspace has no such job.
        UserError: not allowed, or the job does not wait (`not_queued`).
    """
    access.require(Role.EDITOR)
    with transaction.atomic():
        job = get_job(access, number)
        _require_queued(job)
        if job.priority != priority.number:
            job.priority, job.position = priority.number, None
            job.save(update_fields=["priority", "position"])
            wake_workers_on_commit()
    return job


def _line_with(access: Access, number: int) -> tuple[list[Job], int]:
    """The waiting jobs of the job's workspace and priority in their order, and where it is; it stays so meanwhile."""
    Workspace.objects.select_for_update().get(pk=access.workspace.pk)
    job = get_job(access, number)
    _require_queued(job)
    line = list(queue_of(access.workspace).filter(priority=job.priority).only("pk", "number", "position", "priority"))
    return line, line.index(job)


def _require_queued(job: Job, field: str = "") -> None:
    if job.state != JobState.QUEUED:
        raise UserError("not_queued", f"Job {job.number} does not wait: it is {job.state}.", field=field, status=409)


def _take_place(workspace: Workspace, line: list[Job], index: int) -> None:
    """Give the job at `index` of the new order a place between its neighbours."""
    last = Workspace.objects.values_list("last_job_number", flat=True).get(pk=workspace.pk)
    before = place_of(line[index - 1]) if index else place_of(line[1]) - 2
    after = place_of(line[index + 1]) if index + 1 < len(line) else last + 1  # a new job comes after it
    place = (before + after) / 2
    if before < place < after:
        _put(line[index], place)
        return
    for number, job in enumerate(line, start=last - len(line) + 1):  # no number fits between those two any more
        _put(job, float(number))


def _put(job: Job, place: float) -> None:
    job.position = place
    Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(position=place)
