"""A run that goes on from a checkpoint with a changed config: the loaded optimizer follows the new learning rate."""

from collections.abc import Mapping
from typing import Any

from finetune_app.jobs.training_config import TrainingConfig

SETS_THE_PACE = ("learning_rate", "lr_scheduler_type", "warmup_ratio", "num_train_epochs", "max_steps")


def follow_config(before: Mapping[str, Any], config: TrainingConfig, trainer: Any) -> None:
    """Let the next step of `trainer` have the learning rate that `config` gives it.

    What was loaded holds the rates of the config `before`, each parameter group's own multiple of the learning rate
    included. Nothing is touched when both say the same, so that a plain resume stays exact.
    """
    now = config.model_dump(mode="json")
    if all(before.get(name) == now[name] for name in SETS_THE_PACE):
        return
    scheduler, factor = trainer.lr_scheduler, config.learning_rate / before["learning_rate"]
    scheduler.base_lrs = [rate * factor for rate in scheduler.base_lrs]
    # The shape of the schedule is that of the new config; only its place and the rates came from the checkpoint.
    rates = [
        rate * shape(scheduler.last_epoch) for rate, shape in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    ]
    for group, rate, base in zip(trainer.optimizer.param_groups, rates, scheduler.base_lrs, strict=True):
        group["lr"], group["initial_lr"] = rate, base
    scheduler._last_lr = rates  # noqa: SLF001 - what `get_last_lr` gives
