"""The optimizer of a run: chosen by the device where that is left to the worker, with LoRA+ where it is asked for."""

from typing import Any

from peft.optimizers import create_loraplus_optimizer

from finetune_app.jobs.training_config import TrainingConfig
from workers.child import log
from workers.loading import Device

AUTO = "adamw_torch_fused"
# Paged states lie in memory that CUDA moves between GPU and RAM; a processor has its states in RAM anyway.
WITHOUT_PAGES = {"paged_adamw_32bit": "adamw_torch", "paged_adamw_8bit": "adamw_8bit"}


def optimizer_name(config: TrainingConfig, device: Device) -> str:
    """Transformers' name of the optimizer that runs on `device`."""
    if config.optim == "auto":
        return AUTO
    if device.kind == "cpu":
        return WITHOUT_PAGES.get(config.optim, config.optim)
    return str(config.optim)


def take_optimizer(trainer: Any, config: TrainingConfig, device: Device) -> None:
    """Say what was chosen otherwise than asked for, and give the trainer LoRA+'s optimizer where that is asked for.

    With LoRA+ (Hayou et al. 2024) B learns faster than A by `loraplus_lr_ratio`.
    """
    name = optimizer_name(config, device)
    if config.optim not in {"auto", name}:
        log(f"Paged optimizers need a GPU; on this processor it is {name} instead of {config.optim}.", level="warning")
    if config.loraplus_lr_ratio is None:
        return
    kind, options = trainer.get_optimizer_cls_and_kwargs(trainer.args, trainer.model)
    rate = options.pop("lr")
    trainer.optimizer = create_loraplus_optimizer(
        trainer.model,
        kind,
        lr=rate,
        loraplus_lr_ratio=config.loraplus_lr_ratio,
        loraplus_weight_decay=config.weight_decay,
        **options,
    )
