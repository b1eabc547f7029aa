"""How a run on several GPUs splits its effective batch: each step learns from the same rows as on one. Pure."""

from math import gcd
from typing import TypeVar

from finetune_app.errors import UserError
from finetune_app.jobs.training_config import TrainingConfig

Config = TypeVar("Config", bound=TrainingConfig)
MOST_GPUS = 64
BYTES_PER_WEIGHT = 2  # bfloat16


def share_of_one(config: Config, processes: int) -> Config:
    """The config that each of `processes` carries out: first the accumulation is divided, then the micro-batch.

    Raises:
        UserError: the effective batch cannot be divided; its field is `gpus`.
    """
    whole = config.effective_batch_size
    if whole % processes:
        fitting = [count for count in range(1, min(whole, MOST_GPUS) + 1) if whole % count == 0]
        raise UserError(
            "gpus_do_not_divide_batch",
            f"{processes} GPUs cannot share an effective batch of {whole} rows evenly. It can be shared by "
            f"{', '.join(map(str, fitting))}.",
            field="gpus",
        )
    of_accumulation = gcd(config.gradient_accumulation_steps, processes)
    return config.model_copy(
        update={
            "gradient_accumulation_steps": config.gradient_accumulation_steps // of_accumulation,
            "per_device_train_batch_size": config.per_device_train_batch_size // (processes // of_accumulation),
        }
    )


def needed_on_each(whole: int | None, parameters: int, config: TrainingConfig, processes: int) -> int | None:
    """The least memory of each device: where one need not hold all weights, they are sharded; None when not known.

    Args:
        whole: what a device needs that holds all weights.
        parameters: of the base.
        config: only a base that is not quantized while it is loaded is sharded.
        processes: the devices.
    """
    if whole is None or processes == 1 or config.quantization != "none":
        return whole
    weights = BYTES_PER_WEIGHT * parameters
    return max(whole - weights, 0) + weights // processes
