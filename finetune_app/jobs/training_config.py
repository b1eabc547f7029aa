"""`TrainingConfig`: every option of a fine-tune, declared once.

The browser form, the REST body and its OpenAPI schema, the trainer and the docs are all made from this class: type,
bounds and default from the annotation, `title` the label, `description` the help text, `group` the part of the form.
Pure: no Django, no torch.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

ALL_LINEAR = "all-linear"
MODULE_NAME = re.compile(r"[A-Za-z0-9_.]+")

Group = Literal["lora", "quantization", "optimization", "batch", "data", "evaluation"]
GROUP_TITLES: dict[Group, str] = {
    "lora": "LoRA",
    "quantization": "Quantization",
    "optimization": "Optimization",
    "batch": "Length and batch",
    "data": "Rows and loss",
    "evaluation": "Held-out rows",
}

Quantization = Literal["none", "nf4"]
Bias = Literal["none", "lora_only", "all"]
Scheduler = Literal["constant", "constant_with_warmup", "linear", "cosine"]


def option(
    default: Any,
    *,
    title: str,
    group: Group,
    help: str,
    simple: bool = False,
    choices: Mapping[str, str] | None = None,
    **bounds: Any,
) -> Any:
    """A pydantic field with what the form shows of it.

    Args:
        default: the value when nothing is said.
        title: the label.
        group: the part of the form.
        help: the help text.
        simple: shown at once; the other options of a group lie under “More options”.
        choices: what a person reads for each value of a `Literal`.
        bounds: pydantic's own (`ge`, `le`, `gt`, `lt`).
    """
    extra: dict[str, Any] = {"group": group, "simple": simple}
    if choices:
        extra["choices"] = dict(choices)
    return Field(default, title=title, description=help, json_schema_extra=extra, **bounds)


class TrainingConfig(BaseModel):
    """The options of one supervised fine-tune with LoRA (Hu et al. 2021) or QLoRA (Dettmers et al. 2023)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

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
    quantization: Quantization = option(
        "nf4",
        title="Quantization",
        group="quantization",
        simple=True,
        choices={"nf4": "nf4, 4 bits (QLoRA)", "none": "None (LoRA)"},
        help="nf4 keeps the frozen base in 4 bits (QLoRA): a quarter of the memory for a little speed. “none” trains "
        "on the base as it is.",
    )
    bnb_4bit_use_double_quant: bool = option(
        True,
        title="Double quantization",
        group="quantization",
        help="Also compresses the scaling constants of nf4: saves about 0.4 bits per weight at no visible loss.",
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
    gradient_checkpointing: bool = option(
        False,
        title="Gradient checkpointing",
        group="batch",
        help="Computes activations twice instead of keeping them: much less memory, about a third more time.",
    )
    packing: bool = option(
        False,
        title="Packing",
        group="batch",
        help="Joins short rows into full sequences of the max length. Much faster on GPUs with many short rows; a step "
        "then holds more rows.",
    )
    completion_only_loss: bool = option(
        True,
        title="Completion-only loss",
        group="data",
        simple=True,
        help="Learns from the last answer only, not from the question. Does not apply to plain text rows.",
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

    def steps_for(self, train_rows: int) -> int:
        """Optimizer steps on one device over `train_rows` unpacked rows: the fixed number, else from the epochs."""
        if self.max_steps is not None:
            return self.max_steps
        batches = math.ceil(train_rows / self.per_device_train_batch_size)
        steps_per_epoch = math.ceil(batches / self.gradient_accumulation_steps)
        return math.ceil(self.num_train_epochs * steps_per_epoch)
