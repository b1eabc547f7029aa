"""The adapter on the base: the LoRA options of the config as PEFT knows them."""

import torch
from peft import LoraConfig

from finetune_app.jobs.methods import method_of
from finetune_app.jobs.training_config import TrainingConfig


def lora_config(config: TrainingConfig) -> LoraConfig:
    """PEFT's config of the adapter."""
    return LoraConfig(
        task_type=method_of(config).task_type,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=config.target_modules,
        bias=config.bias,
    )


def train_in_float32(model: torch.nn.Module) -> None:
    """Keep what is trained in float32: trl casts the adapter of a quantized base to bfloat16.

    In bfloat16 a step smaller than 1/256 of a weight is lost, and so is the decay of Adam's second moment.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
