"""Direct Preference Optimization (Rafailov et al. 2023): learn to prefer one answer to another."""

from typing import ClassVar, Literal

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.methods.rules import head_stays_as_it_is
from finetune_app.jobs.options import option
from finetune_app.jobs.training_config import TrainingConfig

DPOLoss = Literal[
    "sigmoid",
    "hinge",
    "ipo",
    "robust",
    "exo_pair",
    "nca_pair",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
]


class DPOOptions(TrainingConfig):
    """One DPO run; the base without the adapter is the reference."""

    compares_with_base: ClassVar[bool] = True
    method: Literal["dpo"] = "dpo"
    beta: float = option(
        0.1,
        title="Beta",
        group="method",
        simple=True,
        gt=0.0,
        le=10.0,
        help="How tightly the model is held to the base. Lower lets it move further; 0.1 is usual.",
    )
    loss_type: DPOLoss = option(
        "sigmoid",
        title="Loss (loss_type)",
        group="method",
        help="How a pair of answers becomes a loss. “sigmoid” is DPO itself.",
    )
    label_smoothing: float = option(
        0.0,
        title="Label smoothing",
        group="method",
        ge=0.0,
        lt=0.5,
        help="The share of pairs that may be the wrong way round.",
    )

    def broken_by_method(self) -> dict[str, str]:
        """What trl's trainer refuses."""
        broken = head_stays_as_it_is(self.target_modules)
        if self.loss_type == "exo_pair" and not self.label_smoothing:
            broken["label_smoothing"] = "“exo_pair” needs label smoothing above 0; 0.001 is usual."
        return broken


METHOD = Method(
    name="dpo",
    title="Preferences (DPO)",
    help="Learns to prefer the chosen answer of each row to the rejected one.",
    options=DPOOptions,
    forms=frozenset({RowForm.PREFERENCE}),
    trainer="workers.trainer.preference:PreferenceTrainer",
    arguments="trl:DPOConfig",
    rows="workers.trainer.preference_rows:PromptPairs",
    own_arguments=lambda options: {
        "beta": options.beta,
        "loss_type": [options.loss_type],
        "label_smoothing": options.label_smoothing,
    },
)
