"""Options that exclude each other, each with one sentence beside the option that has to change. Pure.

What PEFT refuses is told before anything starts; so is what it would do without a word but differently than meant.
`option_remarks.py` says what works, but not everywhere.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from finetune_app.jobs.lora_options import ALL_LINEAR

if TYPE_CHECKING:
    from finetune_app.jobs.training_config import TrainingConfig

Rule = Callable[["TrainingConfig"], dict[str, str]]

FOUR_BITS = frozenset({"nf4", "fp4"})
CHANGES_THE_BASE = {"pissa": "PiSSA", "olora": "OLoRA"}
"""Initial weights that are taken out of the base's own."""
EMBEDDINGS = frozenset({"embed_tokens", "wte", "embed_in", "word_embeddings", "tok_embeddings"})


def broken_rules(config: "TrainingConfig") -> dict[str, str]:
    """Each option that does not go with the others, and its sentence."""
    broken: dict[str, str] = {}
    for rule in RULES:
        for name, sentence in rule(config).items():
            broken.setdefault(name, sentence)
    return broken


def _dora(config: "TrainingConfig") -> dict[str, str]:
    if not config.use_dora:
        return {}
    if config.quantization == "int8":
        return {"use_dora": "DoRA does not work on a base in int8. Choose nf4, fp4 or none."}
    if config.init_lora_weights == "loftq":
        return {"use_dora": "DoRA takes its lengths before LoftQ changes the weights. Choose one of the two."}
    return {}


def _initial_weights(config: "TrainingConfig") -> dict[str, str]:
    start, is_quantized = config.init_lora_weights, config.quantization != "none"
    sentence = ""
    if start in CHANGES_THE_BASE and is_quantized:
        sentence = (
            f"{CHANGES_THE_BASE[start]} takes its directions out of the base's weights, which a quantized base would "
            "round again. Choose no quantization, or other initial weights."
        )
    elif start in CHANGES_THE_BASE and config.compares_with_base:
        sentence = (
            f"This method compares with the base while it trains, and {CHANGES_THE_BASE[start]} changes the base. "
            "Choose other initial weights."
        )
    elif start == "orthogonal" and is_quantized:
        sentence = "Orthogonal initial weights need a base without quantization."
    elif start == "orthogonal" and any(rank % 2 for rank in (config.r, *config.rank_pattern.values())):
        sentence = "Orthogonal initial weights need even ranks."
    elif start == "loftq" and config.quantization not in FOUR_BITS:
        sentence = "LoftQ makes up for 4-bit quantization. Choose nf4 or fp4, or other initial weights."
    return {"init_lora_weights": sentence} if sentence else {}


def _bias(config: "TrainingConfig") -> dict[str, str]:
    if config.bias != "none" and config.compares_with_base:
        return {
            "bias": "This method compares with the base while it trains, and trained biases change the base. "
            "Choose “none”."
        }
    return {}


def _patterns(config: "TrainingConfig") -> dict[str, str]:
    """A pattern for a module without an adapter would do nothing."""
    if config.target_modules == ALL_LINEAR:
        return {}
    targets = _last_parts(config.target_modules)
    broken = {}
    for option, pattern in (("rank_pattern", config.rank_pattern), ("alpha_pattern", config.alpha_pattern)):
        others = [name for name in pattern if not _last_parts([name]) <= targets]
        if others:
            broken[option] = f"“{others[0]}” is none of the target modules. Add it to them, or take it out here."
    return broken


def _modules_in_full(config: "TrainingConfig") -> dict[str, str]:
    saved = _last_parts(config.modules_to_save)
    targets = frozenset() if config.target_modules == ALL_LINEAR else _last_parts(config.target_modules)
    if both := sorted(saved & targets):
        return {"modules_to_save": f"“{both[0]}” has an adapter already: it is one of the target modules."}
    if config.trainable_token_indices and saved & EMBEDDINGS:
        return {"trainable_token_indices": "The whole embedding is trained already, by “modules_to_save”."}
    return {}


def _last_parts(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in names)


RULES: tuple[Rule, ...] = (_dora, _initial_weights, _bias, _patterns, _modules_in_full)
