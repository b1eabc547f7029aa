"""Queue a training job: everything is checked first, then one transaction writes it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from adapters.models import AdapterVersion
from adapters.recipe import recipe_digest
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role, Workspace
from finetune_app.errors import UserError
from finetune_app.jobs.access import live_retraining
from finetune_app.jobs.many_processes import needed_on_each
from finetune_app.jobs.models import Checkpoint, Job
from finetune_app.jobs.priorities import Priority
from finetune_app.jobs.services.check_order import Order, check_order
from finetune_app.jobs.services.predict_job import least_memory
from finetune_app.jobs.services.wake_workers import wake_workers_on_commit


def create_job(
    access: Access,
    *,
    adapter: str,
    dataset: str,
    base_model: str,
    config: Mapping[str, Any],
    continues: str = "",
    gpus: int = 1,
    priority: Priority = Priority.NORMAL,
    retry_of: Job | None = None,
    starts_at: Checkpoint | None = None,
    retrains: AdapterVersion | None = None,
    recipe: str = "",
) -> Job:
    """Queue a job that trains the next version of `adapter`.

    Args:
        access: who asks, and where.
        adapter: the adapter's name; it need not exist yet.
        dataset: `name` or `name@2`.
        base_model: `name` or `name@2`.
        config: options of `TrainingConfig`; those not named get their defaults.
        continues: the adapter version whose weights it starts with, `name@3`; "" starts from nothing.
        gpus: of one machine, which share the effective batch; on a CPU worker: processes.
        priority: of two waiting jobs the higher one starts first.
        retry_of: the job that it is another try of, see `retry_job`.
        starts_at: the checkpoint that it goes on from.
        retrains: the version whose recipe it repeats on another base revision, see `retrain_version`.
        recipe: the digest of that recipe; "" computes it, which options that are new since then would change.

    Raises:
        UserError: not allowed, or exactly one thing is wrong (with its own code and field).
        InvalidFields: several things are wrong; options are named `config.<option>`.
    """
    access.require(Role.EDITOR)
    order = check_order(
        access,
        adapter=adapter,
        dataset=dataset,
        base_model=base_model,
        config=config,
        continues=continues,
        gpus=gpus,
    )
    memory = least_memory(order.version, order.base, order.share)
    recipe = recipe or _recipe(order)
    with _asked_for_once(access, order, recipe, retrains), transaction.atomic():
        job = Job.objects.create(
            workspace=access.workspace,
            number=_next_number(access.workspace),
            adapter_name=order.adapter,
            base_revision=order.base,
            dataset_version=order.version,
            config=order.options.model_dump(mode="json"),
            gpus=gpus,
            priority=priority.number,
            memory_bytes=needed_on_each(memory, order.base.parameters, order.share, gpus),
            continues=order.ancestor,
            retry_of=retry_of,
            starts_at=starts_at,
            retrains=retrains,
            recipe_digest=recipe,
            created_by=access.user,
        )
        wake_workers_on_commit()
    return job


@contextmanager
def _asked_for_once(access: Access, order: Order, recipe: str, retrains: AdapterVersion | None) -> Iterator[None]:
    """Somebody may have asked for the same retraining at this very moment: the table takes one of them."""
    try:
        yield
    except IntegrityError:
        other = live_retraining(access, order.adapter, recipe, order.base) if retrains else None
        if other is None:
            raise
        raise UserError(
            "already_retrained", f"Job {other.number} repeats this recipe on {order.base} already.", status=409
        ) from None


def _recipe(order: Order) -> str:
    ancestor = order.ancestor
    return recipe_digest(
        dataset_sha256=order.version.sha256,
        config=order.options.model_dump(mode="json"),
        method=order.options.method,
        seed=order.options.seed,
        continues=(ancestor.recipe_digest or ancestor.manifest_sha256) if ancestor else "",
    )


def _next_number(workspace: Workspace) -> int:
    """The workspace's next job number; the row lock that the update takes keeps two jobs apart."""
    Workspace.objects.filter(pk=workspace.pk).update(last_job_number=F("last_job_number") + 1)
    return Workspace.objects.values_list("last_job_number", flat=True).get(pk=workspace.pk)
