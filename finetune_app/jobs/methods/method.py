"""What a method of fine-tuning is: its words, its options, the rows that it learns from, and who trains it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.training_config import TrainingConfig


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes:
        name: as it stands in a config.
        title: what a person reads.
        help: one sentence: what it does.
        options: its options, those that every method has included.
        forms: the row forms that it learns from.
        trainer: the class that trains it, as `module:class`, so that nobody but the child loads it.
        arguments: the class of that trainer's arguments, written alike.
        own_arguments: what the trainer is told beyond the options that every method has.
        rows: what makes the trainer's dataset of rows, a `RowKind` (`workers/trainer/examples.py`), written alike.
        task_type: what PEFT calls the model's task.
    """

    name: str
    title: str
    help: str
    options: type[TrainingConfig]
    forms: frozenset[RowForm]
    trainer: str
    arguments: str
    own_arguments: Callable[[Any], dict[str, Any]]
    rows: str = "workers.trainer.token_rows:TokenRows"
    task_type: Literal["CAUSAL_LM", "SEQ_CLS"] = "CAUSAL_LM"
