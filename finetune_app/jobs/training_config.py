"""`TrainingConfig`: the options that every method of fine-tuning has, each declared once.

A method (`methods/`) is a subclass that adds its own options. The browser form, the REST body and its OpenAPI schema,
the trainer and the docs are all made from these classes: type, bounds and default from the annotation, `title` the
label, `description` the help text, `group` the part of the form. Pure: no Django, no torch.
"""

import math
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from finetune_app.jobs.options import option

ALL_LINEAR = "all-linear"
MODULE_NAME = re.compile(r"[A-Za-z0-9_.]+")

Quantization = Literal["none", "nf4", "fp4", "int8"]
Bias = Literal["none", "lora_only", "all"]
InitLoraWeights = Literal["default", "gaussian", "orthogonal", "pissa", "olora", "loftq", "eva"]
Scheduler = Literal["constant", "constant_with_warmup", "linear", "cosine"]
Optimizer = Literal["auto", "adamw_torch", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit", "adafactor"]
LossOn = Literal["completion", "assistant", "all"]


class TrainingConfig(BaseModel):
    """What every fine-tune with LoRA (Hu et al. 2021) or QLoRA (Dettmers et al. 2023) can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

    method: str

    r: int = option(
        32,
        title="Rank (r)",
        group="lora",
        simple=True,
        ge=1,
        le=512,
        help="How many directions the adapter can change in each module. 8–16 teaches a tone or a format, 32 is a good "
        "start, 64–128 teaches new knowledge or a hard task. Raise it when the training loss stays high; size and "
        "memory grow with it.",
    )
    lora_alpha: int = option(
        64,
        title="Alpha (lora_alpha)",
        group="lora",
        simple=True,
        ge=1,
        le=2048,
        help="How strongly the adapter acts: its output is scaled by alpha / r. Twice r is the usual ratio, and it is "
        "kept while r changes. Raise it when the model hardly changes, lower it when training is unstable.",
    )
    lora_dropout: float = option(
        0.05,
        title="Dropout (lora_dropout)",
        group="lora",
        ge=0.0,
        lt=1.0,
        help="The share of adapter inputs switched off at random while training. 0.05 for small datasets against "
        "learning by heart, 0 for large ones (and faster).",
    )
    target_modules: Annotated[list[str], Field(min_length=1)] | Literal["all-linear"] = option(
        ["q_proj", "v_proj"],
        title="Target modules",
        group="lora",
        simple=True,
        help="The layers that get an adapter. q_proj and v_proj are the classic, light choice; all linear layers learn "
        "more for about three times the adapter size.",
    )
    bias: Bias = option(
        "none",
        title="Bias",
        group="lora",
        choices={"none": "None", "lora_only": "Only in the adapted layers", "all": "All"},
        help="Which bias terms are trained too. Keep “none” unless you know why: others change the base model's output "
        "even with the adapter switched off, and vLLM does not serve them.",
    )
    use_rslora: bool = option(
        False,
        title="Rank-stabilized (use_rslora)",
        group="lora",
        help="Scales the adapter by alpha / √r instead of alpha / r (Kalajdzievski 2023), so that high ranks learn as "
        "fast as low ones.",
    )
    use_dora: bool = option(
        False,
        title="DoRA (use_dora)",
        group="lora",
        help="Learns the length of each weight column apart from its direction (Liu et al. 2024): often better at low "
        "ranks, slower to train, and not served by vLLM.",
    )
    init_lora_weights: InitLoraWeights = option(
        "default",
        title="Initial weights (init_lora_weights)",
        group="lora",
        choices={
            "default": "Default (B is zero)",
            "gaussian": "Gaussian (B is zero)",
            "orthogonal": "Orthogonal",
            "pissa": "PiSSA: principal directions of the base",
            "olora": "OLoRA: QR of the base",
            "loftq": "LoftQ: makes up for quantization",
            "eva": "EVA: directions of the data",
        },
        help="How the adapter begins. The default changes nothing at first; PiSSA, OLoRA and EVA begin along important "
        "directions and often learn faster; LoftQ begins with what quantization took away.",
    )
    loraplus_lr_ratio: float | None = option(
        None,
        title="LoRA+ ratio (loraplus_lr_ratio)",
        group="lora",
        ge=1.0,
        le=1024.0,
        help="How many times faster B learns than A (LoRA+, Hayou et al. 2024). 16 is usual; empty: both learn alike.",
    )
    rank_pattern: dict[str, Annotated[int, Field(ge=1, le=512)]] = option(
        {},
        title="Ranks of single modules (rank_pattern)",
        group="lora",
        help="Another rank for modules whose name matches, one “name = rank” on each line, e.g. “down_proj = 8”.",
    )
    alpha_pattern: dict[str, Annotated[int, Field(ge=1, le=2048)]] = option(
        {},
        title="Alphas of single modules (alpha_pattern)",
        group="lora",
        help="Another alpha for modules whose name matches, one “name = alpha” on each line.",
    )
    layers_to_transform: list[Annotated[int, Field(ge=0, le=1023)]] = option(
        [],
        title="Layers (layers_to_transform)",
        group="lora",
        help="Numbers of the layers that get an adapter, counted from 0, e.g. “0-7, 12”. Empty: all layers.",
    )
    modules_to_save: list[str] = option(
        [],
        title="Modules trained in full (modules_to_save)",
        group="lora",
        help="Modules that are trained and saved whole beside the adapter, e.g. “lm_head, embed_tokens”, for new "
        "tokens or a new head. They make the adapter large, and vLLM does not serve most of them.",
    )
    trainable_token_indices: list[Annotated[int, Field(ge=0)]] = option(
        [],
        title="Trainable tokens (trainable_token_indices)",
        group="lora",
        help="Ids of single tokens whose embedding is trained too, e.g. “32000, 32001”: much lighter than training the "
        "whole embedding.",
    )
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
    held_out_share: float = option(
        0.1,
        title="Held-out share",
        group="evaluation",
        simple=True,
        ge=0.0,
        le=0.5,
        help="The share of rows kept out of training and used to score the base and the tuned model. Rows that name "
        "their own “split” decide for themselves, and this is not used.",
    )
    held_out_max_rows: int = option(
        30,
        title="Held-out rows scored",
        group="evaluation",
        simple=True,
        ge=1,
        le=1000,
        help="At most this many held-out rows are scored: each is answered twice, by the base and by the tuned model.",
    )

    eval_steps: int | None = option(
        None,
        title="Evaluate every … steps (eval_steps)",
        group="evaluation",
        ge=1,
        le=1_000_000,
        help="How often the held-out rows are looked at while training. Empty: about five times in a run.",
    )
    early_stopping_patience: int | None = option(
        None,
        title="Early stopping (early_stopping_patience)",
        group="evaluation",
        ge=1,
        le=1000,
        help="Ends the run when the held-out loss has not fallen for so many evaluations. Empty: never.",
    )
    early_stopping_threshold: float = option(
        0.0,
        title="Smallest gain (early_stopping_threshold)",
        group="evaluation",
        ge=0.0,
        le=100.0,
        help="By how much the held-out loss must fall to count as better.",
    )
    load_best_model_at_end: bool = option(
        True,
        title="Keep the best checkpoint",
        group="evaluation",
        simple=True,
        help="The adapter version is made of the evaluated step with the lowest held-out loss. Off: of the last step.",
    )
    sample_generations: int = option(
        3,
        title="Sample answers",
        group="evaluation",
        ge=0,
        le=20,
        help="So many held-out questions are answered at each evaluation, so that you can watch the model change.",
    )
    save_steps: int | None = option(
        None,
        title="Checkpoint every … steps (save_steps)",
        group="evaluation",
        ge=1,
        le=1_000_000,
        help="How often all that is needed to go on is kept. Empty: at each evaluation, and at least every "
        "ten minutes.",
    )

    @field_validator("target_modules")
    @classmethod
    def names_are_plain(cls, value: list[str] | str) -> list[str] | str:
        """Module names are dotted names without repeats; patterns are not accepted."""
        if isinstance(value, str):
            return value
        names = list(dict.fromkeys(name.strip() for name in value))
        bad = [name for name in names if not MODULE_NAME.fullmatch(name)]
        if bad:
            raise ValueError(f"“{bad[0]}” is not a module name.")
        return names

    @property
    def effective_batch_size(self) -> int:
        """Rows per optimizer step on one device."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    @property
    def loss_on(self) -> LossOn:
        """Which part of a row is learned; methods that can be told override it."""
        return "completion"

    @property
    def packs(self) -> bool:
        """Whether several rows share a sequence; methods that can be told override it."""
        return False

    def steps_for(self, train_rows: int) -> int:
        """Optimizer steps on one device over `train_rows` unpacked rows: the fixed number, else from the epochs."""
        if self.max_steps is not None:
            return self.max_steps
        batches = math.ceil(train_rows / self.per_device_train_batch_size)
        steps_per_epoch = math.ceil(batches / self.gradient_accumulation_steps)
        return math.ceil(self.num_train_epochs * steps_per_epoch)
