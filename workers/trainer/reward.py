"""trl's RewardTrainer on rows of tokens."""

from trl.trainer.reward_trainer import RewardTrainer

from workers.trainer.counted import Prepared


class ScoreTrainer(Prepared, RewardTrainer):
    """Reward modelling, its loss and its figures are trl's."""
