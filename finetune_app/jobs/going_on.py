"""Which options may change when a run goes on from a checkpoint of another job. Pure.

The checkpoint holds trained weights, the optimizer's memory of their gradients, and a place in the shuffled rows: what
they depend on stays as it was.
"""

from typing import Any

from finetune_app.jobs.training_config import TrainingConfig

MAY_CHANGE = frozenset(
    {
        "learning_rate",
        "lr_scheduler_type",
        "warmup_ratio",
        "max_grad_norm",
        "num_train_epochs",
        "max_steps",
        "max_length",
        "lora_dropout",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "fit_to_device",
        "gradient_checkpointing",
        "eval_steps",
        "early_stopping_patience",
        "early_stopping_threshold",
        "load_best_model_at_end",
        "sample_generations",
        "save_steps",
    }
)
SPLIT = ("per_device_train_batch_size", "gradient_accumulation_steps")
OTHERWISE = "Leave it, or start from the beginning."


def refused_changes(before: TrainingConfig, config: TrainingConfig, step: int) -> dict[str, str]:
    """Option → why it cannot be what `config` says, in a run that goes on from `step` of one with `before`."""
    old, now = before.model_dump(mode="json"), config.model_dump(mode="json")
    refused = {
        name: f"The checkpoint at step {step} was made with {_words(old.get(name))}. {OTHERWISE}"
        for name, value in now.items()
        if name not in MAY_CHANGE and value != old.get(name)
    }
    if config.effective_batch_size != before.effective_batch_size:
        changed = next(name for name in reversed(SPLIT) if now[name] != old[name])
        refused[changed] = (
            f"Batch size × accumulation must stay {before.effective_batch_size}, so that the place in the rows is "
            f"known. {OTHERWISE}"
        )
    if config.packs and now["max_length"] != old["max_length"]:
        refused["max_length"] = (
            f"Packed sequences are cut by the max length, which was {old['max_length']}. {OTHERWISE}"
        )
    if config.max_steps is not None and config.max_steps <= step:
        refused["max_steps"] = f"The checkpoint is at step {step} already: ask for more steps than that."
    return refused


def _words(value: Any) -> str:
    return "another choice" if value in (None, "", [], {}) else f"“{value}”"
