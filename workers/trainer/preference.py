"""trl's DPOTrainer on rows of tokens; the base without the adapter is the reference."""

from trl.trainer.dpo_trainer import DPOTrainer

from workers.trainer.counted import Prepared


class PreferenceTrainer(Prepared, DPOTrainer):
    """DPO, its loss and its figures are trl's."""
