"""Queue a training job: everything is checked first, then one transaction writes it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F

from adapters.access import find_adapter_version, find_base_revision
from adapters.models import BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role, Workspace
from finetune_app.datasets.access import find_version
from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.base_fit import require_answers, require_form, require_template
from finetune_app.jobs.continuing import require_same_base, require_same_shape
from finetune_app.jobs.many_processes import needed_on_each, share_of_one
from finetune_app.jobs.models import Checkpoint, Job
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.priorities import Priority
from finetune_app.jobs.services.predict_job import least_memory
from finetune_app.jobs.services.wake_workers import wake_workers_on_commit
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from finetune_app.names import check_name

T = TypeVar("T")


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

    Raises:
        UserError: not allowed, or exactly one thing is wrong (with its own code and field).
        InvalidFields: several things are wrong; options are named `config.<option>`.
    """
    access.require(Role.EDITOR)
    problems: list[UserError] = []
    name = _collect(problems, lambda: check_name(adapter, field="adapter"))
    version = _collect(problems, lambda: find_version(access, dataset, field="dataset"))
    base = _collect(problems, lambda: find_base_revision(access, base_model, field="base_model"))
    options = _collect(problems, lambda: parse_config(config))
    if version and options:
        _collect(problems, lambda: require_form(version, options))
    if base and options:
        _collect(problems, lambda: _check_target_modules(base, options))
    if base and version:
        _collect(problems, lambda: require_template(version, base))
    if base and version and options:
        _collect(problems, lambda: require_answers(version, base, options))
    share = None
    if options:
        share = _collect(problems, lambda: share_of_one(options, gpus))
    ancestor = None
    if continues:
        ancestor = _collect(problems, lambda: find_adapter_version(access, continues, field="continues"))
    if ancestor and base:
        _collect(problems, lambda: require_same_base(ancestor, base))
    if ancestor and base and options:
        _collect(problems, lambda: require_same_shape(ancestor, base, options))
    if name is None or version is None or base is None or options is None or share is None or problems:
        raise _together(problems)
    memory_bytes = needed_on_each(least_memory(version, base, share), base.parameters, share, gpus)
    with transaction.atomic():
        job = Job.objects.create(
            workspace=access.workspace,
            number=_next_number(access.workspace),
            adapter_name=name,
            base_revision=base,
            dataset_version=version,
            config=options.model_dump(mode="json"),
            gpus=gpus,
            priority=priority.number,
            memory_bytes=memory_bytes,
            continues=ancestor,
            retry_of=retry_of,
            starts_at=starts_at,
            created_by=access.user,
        )
        wake_workers_on_commit()
    return job


def _collect(problems: list[UserError], check: Callable[[], T]) -> T | None:
    try:
        return check()
    except UserError as problem:
        problems.append(problem)
        return None


def _together(problems: list[UserError]) -> UserError:
    """One problem keeps its own code; several become one error with a sentence for each field."""
    if len(problems) == 1:
        problem = problems[0]
        problem.status = 422
        return problem
    sentences: dict[str, str] = {}
    for problem in problems:
        sentences |= problem.errors if isinstance(problem, InvalidFields) else {problem.field: problem.message}
    return InvalidFields(sentences)


def _check_target_modules(base: BaseRevision, config: TrainingConfig) -> None:
    known = base.linear_modules
    named = {"rank_pattern": list(config.rank_pattern), "alpha_pattern": list(config.alpha_pattern)}
    if config.target_modules != ALL_LINEAR:
        named = {"target_modules": list(config.target_modules)} | named
    for option, names in named.items():
        # peft matches a name at the end of a module's path, so `self_attn.q_proj` is as good as `q_proj`.
        unknown = [name for name in names if name.rpartition(".")[2] not in known]
        if unknown:
            raise UserError(
                "unknown_target_module",
                f"{base.base_model.name} has no module “{unknown[0]}”; it has {', '.join(known)}.",
                field=f"config.{option}",
            )


def _next_number(workspace: Workspace) -> int:
    """The workspace's next job number; the row lock that the update takes keeps two jobs apart."""
    Workspace.objects.filter(pk=workspace.pk).update(last_job_number=F("last_job_number") + 1)
    return Workspace.objects.values_list("last_job_number", flat=True).get(pk=workspace.pk)
