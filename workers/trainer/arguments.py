"""The training config as the arguments of trl's trainers."""

from importlib import import_module
from pathlib import Path
from typing import Any

from finetune_app.jobs.methods import method_of
from workers.loading import Device
from workers.spec import RunSpec
from workers.trainer.optimizer import optimizer_name


def resolve(name: str) -> Any:
    """What `module:name` stands for."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def trl_arguments(spec: RunSpec, device: Device, cache: Path) -> Any:
    """The arguments of the method's trainer; `cache` is a folder that goes away with the run."""
    config = spec.config
    method = method_of(config)
    return resolve(method.arguments)(
        output_dir=str(cache),
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.lr_scheduler_type,
        warmup_steps=config.warmup_ratio,  # below 1 it is a share of all steps
        weight_decay=config.weight_decay,
        optim=optimizer_name(config, device),
        max_grad_norm=config.max_grad_norm,
        num_train_epochs=config.num_train_epochs,
        max_steps=config.max_steps or -1,
        seed=config.seed,
        max_length=config.max_length,
        per_device_train_batch_size=config.per_device_train_batch_size,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        activation_checkpointing=config.gradient_checkpointing,
        bf16=device.mixed_precision == "bf16",
        fp16=device.mixed_precision == "fp16",
        use_cpu=device.kind == "cpu",
        dataloader_pin_memory=device.kind == "cuda",
        logging_steps=1,
        logging_nan_inf_filter=False,  # the guard must see them
        disable_tqdm=True,
        save_strategy="no",
        ddp_find_unused_parameters=False,
        report_to="none",
        **method.own_arguments(config),
    )
