"""Shapes, devices and rows that the tests of the plan start from."""

import numpy as np

from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.plan.choose import Situation
from finetune_app.jobs.plan.devices import GIB, Device
from finetune_app.jobs.plan.rows import Rows
from finetune_app.jobs.plan.shapes import model_shape

LLAMA_7B = {
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "vocab_size": 32_000,
}  # fmt: skip
H100 = Device("cuda", "NVIDIA H100 80GB HBM3", 80 * GIB)
SHAPE = model_shape(LLAMA_7B)


def rows(count=4000, mean=150, seed=0):
    """Rows as long as those of databricks-dolly-15k."""
    lengths = np.random.default_rng(seed).lognormal(np.log(mean), 0.8, count).astype(int) + 4
    return Rows.known(lengths, lengths // 2)


def situation(gigabytes=80, **values):
    device = Device("cuda", f"GPU with {gigabytes} GB", round(gigabytes * GIB))
    return Situation(SHAPE, device, values.pop("rows", None) or rows(), **values)


def config(**options):
    """r=64 on q_proj and v_proj without dropout, 8 rows a step, exactly as it is set."""
    usual = {"r": 64, "lora_dropout": 0.0, "fit_to_device": False, "quantization": "none"}
    split = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}
    return SFTOptions(**(usual | split | options))
