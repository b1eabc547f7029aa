"""The options of the base's precision, of the steps and of the batch. Pure."""

from typing import Literal

from pydantic import BaseModel

from finetune_app.jobs.options import option

Quantization = Literal["none", "nf4", "fp4", "int8"]
Scheduler = Literal["constant", "constant_with_warmup", "linear", "cosine"]
Optimizer = Literal["auto", "adamw_torch", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "adafactor"]


class RunOptions(BaseModel):
    """How the base is held and how the steps are taken."""

    quantization: Quantization = option(
        "nf4",
        title="Quantization",
        group="quantization",
        simple=True,
        choices={
            "nf4": "nf4, 4 bits (QLoRA)",
            "none": "None (LoRA)",
            "fp4": "fp4, 4 bits",
            "int8": "int8, 8 bits",
        },
        help="nf4 keeps the frozen base in 4 bits (QLoRA): a quarter of the memory for a little speed. “none” trains "
        "on the base as it is.",
    )
    bnb_4bit_use_double_quant: bool = option(
        True,
        title="Double quantization",
        group="quantization",
        help="Also compresses the scaling constants of nf4 and fp4: saves about 0.4 bits per weight at no "
        "visible loss.",
    )
    learning_rate: float = option(
        2e-4,
        title="Learning rate",
        group="optimization",
        simple=True,
        gt=0.0,
        le=1.0,
        help="The size of each step. 2e-4 suits models of some billion parameters; small models take up to 2e-3. Lower "
        "it when the loss jumps about.",
    )
    lr_scheduler_type: Scheduler = option(
        "cosine",
        title="Learning rate scheduler",
        group="optimization",
        simple=True,
        choices={
            "constant": "Constant",
            "constant_with_warmup": "Constant, after warm-up",
            "linear": "Falling in a straight line",
            "cosine": "Falling along a cosine",
        },
        help="How the learning rate moves: constant, falling in a straight line, or falling along a cosine.",
    )
    warmup_ratio: float = option(
        0.03,
        title="Warm-up share",
        group="optimization",
        ge=0.0,
        le=0.5,
        help="The share of all steps in which the learning rate climbs from zero (not used by “constant”).",
    )
    optim: Optimizer = option(
        "auto",
        title="Optimizer (optim)",
        group="optimization",
        choices={
            "auto": "Chosen by the worker (AdamW)",
            "adamw_torch": "AdamW",
            "adamw_8bit": "AdamW, 8-bit states",
            "paged_adamw_32bit": "AdamW, paged",
            "paged_adamw_8bit": "AdamW, paged, 8-bit states",
            "adafactor": "Adafactor",
        },
        help="What turns gradients into steps. The worker takes AdamW in the form that its device runs fastest; states "
        "in 8 bits or paged save GPU memory when much is trained.",
    )
    max_grad_norm: float = option(
        1.0,
        title="Gradient clipping (max_grad_norm)",
        group="optimization",
        ge=0.0,
        le=1000.0,
        help="Longer gradients are shortened to this norm, so that one odd batch cannot throw the run off. 0: never.",
    )
    weight_decay: float = option(
        0.0,
        title="Weight decay",
        group="optimization",
        ge=0.0,
        le=1.0,
        help="Pulls adapter weights towards zero. 0 is usual for LoRA.",
    )
    num_train_epochs: float = option(
        3.0,
        title="Epochs",
        group="optimization",
        simple=True,
        gt=0.0,
        le=1000.0,
        help="How often each training row is seen. 1–3 for thousands of rows, more for a few hundred.",
    )
    max_steps: int | None = option(
        None,
        title="Steps (instead of epochs)",
        group="optimization",
        simple=True,
        ge=1,
        le=1_000_000,
        help="A fixed number of optimizer steps. When set, it is used instead of the epochs.",
    )
    seed: int = option(
        42,
        title="Seed",
        group="optimization",
        ge=0,
        le=2**32 - 1,
        help="Fixes the shuffling, the initial adapter and the held-out split, so that a run can be repeated.",
    )
    max_length: int = option(
        1024,
        title="Max length",
        group="batch",
        simple=True,
        ge=16,
        le=131_072,
        help="Tokens of a row that are kept; what is longer is cut off at the end. Memory grows with it.",
    )
    per_device_train_batch_size: int = option(
        4,
        title="Batch size per device",
        group="batch",
        simple=True,
        ge=1,
        le=1024,
        help="Rows held in memory at once. Lower it first when memory runs out.",
    )
    gradient_accumulation_steps: int = option(
        4,
        title="Gradient accumulation",
        group="batch",
        simple=True,
        ge=1,
        le=1024,
        help="Batches added up into one step: the effective batch is batch size × accumulation.",
    )
    fit_to_device: bool = option(
        True,
        title="Fit to the device",
        group="batch",
        simple=True,
        help="The worker splits the effective batch (batch size × accumulation) and chooses gradient checkpointing so "
        "that the run is fastest within its memory. Off: exactly what is set here.",
    )
    gradient_checkpointing: bool = option(
        False,
        title="Gradient checkpointing",
        group="batch",
        help="Computes activations twice instead of keeping them: much less memory, about a third more time.",
    )
