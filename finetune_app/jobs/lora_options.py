"""The options of the adapter itself, as PEFT knows them. Pure; `training_config.py` says what they are part of."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from finetune_app.jobs.options import option

ALL_LINEAR = "all-linear"
MODULE_NAME = re.compile(r"[A-Za-z0-9_.]+")

Bias = Literal["none", "lora_only", "all"]
InitLoraWeights = Literal["default", "gaussian", "orthogonal", "pissa", "olora", "loftq", "eva"]


class LoraOptions(BaseModel):
    """What LoRA (Hu et al. 2021) can be told, with its variants."""

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
        group="parts",
        choices={"none": "None", "lora_only": "Only in the adapted layers", "all": "All"},
        help="Which bias terms are trained too. Keep “none” unless you know why: others change the base model's output "
        "even with the adapter switched off, and vLLM does not serve them.",
    )
    use_rslora: bool = option(
        False,
        title="Rank-stabilized (use_rslora)",
        group="variant",
        help="Scales the adapter by alpha / √r instead of alpha / r (Kalajdzievski 2023), so that high ranks learn as "
        "fast as low ones.",
    )
    use_dora: bool = option(
        False,
        title="DoRA (use_dora)",
        group="variant",
        help="Learns the length of each weight column apart from its direction (Liu et al. 2024): often better at low "
        "ranks, slower to train, and not served by vLLM.",
    )
    init_lora_weights: InitLoraWeights = option(
        "default",
        title="Initial weights (init_lora_weights)",
        group="variant",
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
        "directions and often learn faster; LoftQ begins with what quantization took away. PiSSA and OLoRA are saved "
        "as a plain adapter of twice the rank, which fits the base as it is.",
    )
    loraplus_lr_ratio: float | None = option(
        None,
        title="LoRA+ ratio (loraplus_lr_ratio)",
        group="variant",
        ge=1.0,
        le=1024.0,
        help="How many times faster B learns than A (LoRA+, Hayou et al. 2024). 16 is usual; empty: both learn alike.",
    )
    rank_pattern: dict[str, Annotated[int, Field(ge=1, le=512)]] = option(
        {},
        title="Ranks of single modules (rank_pattern)",
        group="parts",
        help="Another rank for modules whose name matches, one “name = rank” on each line, e.g. “down_proj = 8”.",
    )
    alpha_pattern: dict[str, Annotated[int, Field(ge=1, le=2048)]] = option(
        {},
        title="Alphas of single modules (alpha_pattern)",
        group="parts",
        help="Another alpha for modules whose name matches, one “name = alpha” on each line.",
    )
    layers_to_transform: list[Annotated[int, Field(ge=0, le=1023)]] = option(
        [],
        title="Layers (layers_to_transform)",
        group="parts",
        help="Numbers of the layers that get an adapter, counted from 0, e.g. “0-7, 12”. Empty: all layers.",
    )
    modules_to_save: list[str] = option(
        [],
        title="Modules trained in full (modules_to_save)",
        group="parts",
        help="Modules that are trained and saved whole beside the adapter, e.g. “lm_head, embed_tokens”, for new "
        "tokens or a new head. They make the adapter large, and vLLM does not serve most of them.",
    )
    trainable_token_indices: list[Annotated[int, Field(ge=0)]] = option(
        [],
        title="Trainable tokens (trainable_token_indices)",
        group="parts",
        help="Ids of single tokens whose embedding is trained too, e.g. “32000, 32001”: much lighter than training the "
        "whole embedding.",
    )

    @field_validator("target_modules")
    @classmethod
    def names_are_plain(cls, value: list[str] | str) -> list[str] | str:
        """Module names are dotted names without repeats; patterns are not accepted."""
        return value if isinstance(value, str) else _plain_names(value)

    @field_validator("modules_to_save")
    @classmethod
    def saved_names_are_plain(cls, value: list[str]) -> list[str]:
        """As target modules."""
        return _plain_names(value)

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def patterns_name_modules(cls, value: dict[str, int]) -> dict[str, int]:
        """PEFT would read a name as a regular expression; here it is a name."""
        _plain_names(value)
        return value

    @field_validator("layers_to_transform", "trainable_token_indices")
    @classmethod
    def numbers_are_in_order(cls, value: list[int]) -> list[int]:
        """Each once, the smallest first."""
        return sorted(set(value))


def _plain_names(given: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in given))
    bad = [name for name in names if not MODULE_NAME.fullmatch(name)]
    if bad:
        raise ValueError(f"“{bad[0]}” is not a module name.")
    return names
