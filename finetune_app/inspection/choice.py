"""Base and options that a person or a REST client asks about; the options are those of a job, with its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass

from annotated_types import Ge, Le

from adapters.access import base_revisions_of, find_base_revision
from adapters.models import BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.errors import InvalidFields
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.training_config import LossOn, TrainingConfig

LOSS_PARTS: dict[LossOn, str] = {
    "completion": "The last answer",
    "assistant": "Every turn of the assistant",
    "all": "Everything",
}
USUAL_LOSS = SFTOptions().loss_on
OPTIONS = ("max_length", "per_device_train_batch_size", "gradient_accumulation_steps")


@dataclass(frozen=True)
class Option:
    """One option as a number field shows it."""

    name: str
    title: str
    value: int
    low: int
    high: int


@dataclass(frozen=True)
class Choice:
    """What is asked about.

    Attributes:
        bases: all that can be chosen, the newest first.
        base: the one chosen, else the newest; None when the workspace has none.
        config: the options.
        problems: what was typed wrong, a sentence each; `config` then has the defaults.
    """

    bases: list[BaseRevision]
    base: BaseRevision | None
    config: TrainingConfig
    problems: tuple[str, ...]

    @property
    def options(self) -> list[Option]:
        """The options with their titles and bounds, the max length first."""
        return [_option(name, getattr(self.config, name)) for name in OPTIONS]

    @property
    def loss_parts(self) -> dict[LossOn, str]:
        """What of a row can be learned."""
        return LOSS_PARTS

    @property
    def query(self) -> dict[str, str]:
        """The choice as a query string's parts, to be remembered from page to page."""
        options = {name: str(getattr(self.config, name)) for name in OPTIONS}
        if self.config.loss_on != USUAL_LOSS:
            options["loss_on"] = self.config.loss_on
        return options | ({"base_model": str(self.base)} if self.base else {})


def read_choice(access: Access, query: Mapping[str, str]) -> Choice:
    """The choice in a page's query.

    Raises:
        UserError: the base's reference is malformed.
        NotFound: the workspace has no such base.
    """
    bases = list(base_revisions_of(access).order_by("-created_at", "-id"))
    reference = query.get("base_model", "")
    base = find_base_revision(access, reference) if reference else next(iter(bases), None)
    problems: tuple[str, ...] = ()
    try:
        config = parse_config(
            loss_options(query) | {name: query[name] for name in OPTIONS if query.get(name)}, prefix=""
        )
    except InvalidFields as error:
        config = SFTOptions()
        problems = tuple(f"{_title(name)}: {sentence}" for name, sentence in error.errors.items())
    return Choice(bases, base, config, problems)


def loss_options(query: Mapping[str, str]) -> dict[str, str | bool]:
    """The options of a job that learns from the part of a row that the query names."""
    part = query.get("loss_on", "")
    if part not in LOSS_PARTS:
        return {}
    return {"completion_only_loss": part == "completion", "assistant_only_loss": part == "assistant"}


def _option(name: str, value: int) -> Option:
    bounds = SFTOptions.model_fields[name].metadata
    low = next(int(str(bound.ge)) for bound in bounds if isinstance(bound, Ge))
    high = next(int(str(bound.le)) for bound in bounds if isinstance(bound, Le))
    return Option(name, _title(name), value, low, high)


def _title(name: str) -> str:
    return SFTOptions.model_fields[name].title or name
