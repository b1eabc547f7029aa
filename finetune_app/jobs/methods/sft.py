"""Supervised fine-tuning: learn to write the answers, or the whole text (continued pretraining)."""

from typing import Literal

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.options import option
from finetune_app.jobs.training_config import LossOn, TrainingConfig


class SFTOptions(TrainingConfig):
    """One supervised fine-tune; plain text rows are learned whole."""

    method: Literal["sft"] = "sft"
    packing: bool = option(
        False,
        title="Packing",
        group="batch",
        help="Joins short rows into full sequences of the max length. Much faster on GPUs with many short rows; a step "
        "then holds more rows.",
    )
    completion_only_loss: bool = option(
        True,
        title="Completion-only loss",
        group="data",
        simple=True,
        help="Learns from the last answer only, not from the question. Does not apply to plain text rows.",
    )
    assistant_only_loss: bool = option(
        False,
        title="Assistant-only loss",
        group="data",
        help="Learns from every turn of the assistant, not from the last one only, and from nothing else. "
        "When it is on, completion-only loss is not asked. Does not apply to plain text rows.",
    )

    @property
    def loss_on(self) -> LossOn:
        """Every assistant turn when that is asked for, else the last answer, else all."""
        if self.assistant_only_loss:
            return "assistant"
        return "completion" if self.completion_only_loss else "all"

    @property
    def packs(self) -> bool:
        """As the option says."""
        return self.packing


METHOD = Method(
    name="sft",
    title="Supervised fine-tuning (SFT)",
    help="Learns to write the answers of the rows; plain text is learned whole.",
    options=SFTOptions,
    forms=frozenset({RowForm.CHAT, RowForm.SHAREGPT, RowForm.INSTRUCTION, RowForm.PROMPT_COMPLETION, RowForm.TEXT}),
    trainer="workers.trainer.answer_loss:AnswerLossTrainer",
    arguments="trl:SFTConfig",
    own_arguments=lambda options: {
        "packing": options.packing,
        "dataset_kwargs": {"skip_prepare_dataset": True},  # tokens, labels and packs are made before
    },
)
