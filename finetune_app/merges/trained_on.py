"""What a version's lineage says of the base that it was trained on: in 4 bits, or in whole. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from finetune_app.jobs.option_rules import FOUR_BITS

LOFTQ = "loftq"  # initial weights that make up for the rounding to 4 bits


@dataclass(frozen=True)
class FourBits:
    """How bitsandbytes quantized the base for a QLoRA adapter's training.

    Attributes:
        kind: `nf4` or `fp4`.
        double: whether what scales the blocks was quantized too.
        makes_up_for_it: whether the adapter began with what quantizing took away, so that it belongs on such a base.
    """

    kind: str
    double: bool
    makes_up_for_it: bool


def four_bits_of(manifest: Mapping[str, Any]) -> FourBits | None:
    """How the base of the version with this manifest was quantized; None when it was not, or nobody knows."""
    config: Mapping[str, Any] = manifest["lineage"]["config"]
    kind = str(config.get("quantization", "none"))
    if kind not in FOUR_BITS:
        return None
    return FourBits(kind, bool(config.get("bnb_4bit_use_double_quant", True)), config.get("init_lora_weights") == LOFTQ)
