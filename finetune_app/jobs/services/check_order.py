"""Everything that must be right about a training job before it is queued, found in one go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from adapters.access import find_adapter_version, find_base_revision
from adapters.base_code import require_code_allowed
from adapters.fits import require_fits, require_usable
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.datasets.access import find_version
from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.base_fit import require_answers, require_form, require_template
from finetune_app.jobs.continuing import require_same_shape
from finetune_app.jobs.many_processes import share_of_one
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from finetune_app.names import check_name

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What a job is to do, checked; `share` is the config of each of its processes."""

    adapter: str
    version: DatasetVersion
    base: BaseRevision
    options: TrainingConfig
    share: TrainingConfig
    ancestor: AdapterVersion | None


def check_order(
    access: Access,
    *,
    adapter: str,
    dataset: str,
    base_model: str,
    config: Mapping[str, Any],
    continues: str = "",
    gpus: int = 1,
) -> Order:
    """The order; arguments as of `create_job`.

    Raises:
        UserError: exactly one thing is wrong (with its own code and field).
        InvalidFields: several things are wrong; options are named `config.<option>`.
    """
    problems: list[UserError] = []
    name = _collect(problems, lambda: check_name(adapter, field="adapter"))
    version = _collect(problems, lambda: find_version(access, dataset, field="dataset"))
    base = _collect(problems, lambda: find_base_revision(access, base_model, field="base_model"))
    options = _collect(problems, lambda: parse_config(config))
    if version and options:
        _collect(problems, lambda: require_form(version, options))
    if base and options:
        _collect(problems, lambda: _check_target_modules(base, options))
    if base:
        _collect(problems, lambda: require_code_allowed(base))
    if base and version:
        _collect(problems, lambda: require_template(version, base))
    if base and version and options:
        _collect(problems, lambda: require_answers(version, base, options))
    share = None
    if options:
        share = _collect(problems, lambda: share_of_one(options, gpus))
    ancestor = _ancestor(access, continues, base, options, problems) if continues else None
    if name is None or version is None or base is None or options is None or share is None or problems:
        raise _together(problems)
    return Order(adapter=name, version=version, base=base, options=options, share=share, ancestor=ancestor)


def _ancestor(
    access: Access,
    reference: str,
    base: BaseRevision | None,
    options: TrainingConfig | None,
    problems: list[UserError],
) -> AdapterVersion | None:
    """The adapter version to continue from."""
    ancestor = _collect(problems, lambda: find_adapter_version(access, reference, field="continues"))
    if ancestor is None:
        return None
    _collect(problems, lambda: require_usable(ancestor, field="continues"))
    if base:
        _collect(problems, lambda: require_fits(ancestor, base, field="continues", otherwise=", or start from nothing"))
    if base and options:
        _collect(problems, lambda: require_same_shape(ancestor, base, options))
    return ancestor


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
