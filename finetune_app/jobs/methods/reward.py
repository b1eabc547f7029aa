"""Reward modelling (Bradley and Terry 1952): learn to score answers, the chosen one of a pair above the other."""

from typing import Literal

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.options import option
from finetune_app.jobs.training_config import TrainingConfig


class RewardOptions(TrainingConfig):
    """One reward model: the base with a head of one number, and an adapter."""

    method: Literal["reward"] = "reward"
    center_rewards_coefficient: float | None = option(
        None,
        title="Centering (center_rewards_coefficient)",
        group="method",
        ge=0.0,
        le=1.0,
        help="Keeps the scores around 0 (Eisenstein et al. 2023); 0.01 is usual. Empty: they may drift.",
    )


METHOD = Method(
    name="reward",
    title="Reward model",
    help="Learns to score answers: the chosen one of each row gets more than the rejected one.",
    options=RewardOptions,
    forms=frozenset({RowForm.PREFERENCE}),
    trainer="workers.trainer.reward:ScoreTrainer",
    arguments="trl:RewardConfig",
    rows="workers.trainer.preference_rows:WholePairs",
    own_arguments=lambda options: {"center_rewards_coefficient": options.center_rewards_coefficient},
    task_type="SEQ_CLS",
)
