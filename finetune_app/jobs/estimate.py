"""What a choice of dataset and options will come to, before anything runs. Shown beside the form."""

from dataclasses import dataclass

from finetune_app.datasets.models import DatasetVersion
from finetune_app.jobs.training_config import TrainingConfig


@dataclass(frozen=True)
class Estimate:
    """Rows and steps of a run on one device. `exact` is false where the split or packing decides the true number."""

    train_rows: int
    held_out_rows: int
    scored_rows: int
    effective_batch: int
    steps: int
    epochs: float
    exact: bool


def estimate(version: DatasetVersion, config: TrainingConfig) -> Estimate:
    """What training on `version` with `config` comes to."""
    names_its_split = bool(version.train_rows or version.held_out_rows)
    held_out = version.held_out_rows if names_its_split else round(version.rows * config.held_out_share)
    train_rows = version.rows - held_out
    steps = config.steps_for(train_rows)
    steps_per_epoch = config.model_copy(update={"max_steps": None, "num_train_epochs": 1.0}).steps_for(train_rows)
    return Estimate(
        train_rows=train_rows,
        held_out_rows=held_out,
        scored_rows=min(held_out, config.held_out_max_rows),
        effective_batch=config.effective_batch_size,
        steps=steps,
        epochs=config.num_train_epochs if config.max_steps is None else steps / max(steps_per_epoch, 1),
        exact=(names_its_split or not config.held_out_share) and not config.packs,
    )
