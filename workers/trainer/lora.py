"""The adapter on the base: the LoRA options of the config as PEFT knows them."""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from peft import EvaConfig, LoraConfig

from finetune_app.jobs.methods import method_of
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from workers.loading import LoadedBase
from workers.trainer.options_fit import check_options_fit

# PiSSA by a randomized decomposition in 16 passes: seconds instead of minutes for a base of some billions.
INITIAL_WEIGHTS: dict[str, Any] = {"default": True, "loftq": True, "pissa": "pissa_niter_16"}

# PEFT's advice about the memory that EVA takes, and about a conversion that `saving.py` does otherwise.
ABOUT_WHAT_IS_DONE = ("lora with eva initialization", ".*path_initial_model_for_weight_conversion")


def lora_config(config: TrainingConfig, base: LoadedBase) -> LoraConfig:
    """PEFT's config of the adapter on `base`.

    LoftQ begins like the default here: `initial_weights.py` then takes what the base's quantization took away.

    Raises:
        ChildFailure: OPTIONS_UNFIT, when an option names what the base does not have.
    """
    check_options_fit(config, base)
    start = config.init_lora_weights
    for words in ABOUT_WHAT_IS_DONE:
        warnings.filterwarnings("ignore", message=words)
    return LoraConfig(
        task_type=method_of(config).task_type,
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=_targets(config, base),
        bias=config.bias,
        use_rslora=config.use_rslora,
        use_dora=config.use_dora,
        init_lora_weights=INITIAL_WEIGHTS.get(start, start),
        # The ranks stay as chosen: they decide about the memory, which was planned with them. The prompt counts too,
        # since an answer of a few tokens has fewer directions than the adapter.
        eva_config=EvaConfig(rho=1.0, use_label_mask=False) if start == "eva" else None,
        rank_pattern=most_specific_first(config.rank_pattern),
        alpha_pattern=most_specific_first(config.alpha_pattern),
        layers_to_transform=config.layers_to_transform or None,
        modules_to_save=config.modules_to_save or None,
        trainable_token_indices=config.trainable_token_indices or None,
    )


def most_specific_first(pattern: Mapping[str, int]) -> dict[str, int]:
    """The pattern in a fixed order: PEFT takes the first name that matches, so longer names come first."""
    return dict(sorted(pattern.items(), key=lambda item: (-len(item[0]), item[0])))


def _targets(config: TrainingConfig, base: LoadedBase) -> list[str] | str:
    """PEFT chooses among layers only where the modules are named."""
    if config.target_modules == ALL_LINEAR and config.layers_to_transform:
        return list(base.identity.linear_modules)
    return config.target_modules


def train_in_float32(model: torch.nn.Module) -> None:
    """Keep what is trained in float32: trl casts the adapter of a quantized base to bfloat16.

    In bfloat16 a step smaller than 1/256 of a weight is lost, and so is the decay of Adam's second moment.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
