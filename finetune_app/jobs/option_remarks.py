"""What a later step cannot do with the chosen options: no errors, but good to know before the run. Pure."""

from dataclasses import dataclass

from finetune_app.jobs.option_rules import CHANGES_THE_BASE
from finetune_app.jobs.training_config import TrainingConfig

VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `--max-lora-rank`."""


@dataclass(frozen=True)
class Remark:
    """One remark: the option that it is about, and its sentence."""

    option: str
    text: str


def saved_rank(config: TrainingConfig) -> int:
    """The highest rank of the adapter as it is saved."""
    highest = max(config.r, *config.rank_pattern.values()) if config.rank_pattern else config.r
    return 2 * highest if config.init_lora_weights in CHANGES_THE_BASE else highest


def remarks(config: TrainingConfig) -> list[Remark]:
    """What there is to say about these options, in the order of the form."""
    return [*_rank(config), *_serving(config), *_initial_weights(config), *_held_out(config)]


def _rank(config: TrainingConfig) -> list[Remark]:
    rank = saved_rank(config)
    room = next((size for size in VLLM_RANKS if size >= rank), None)
    if room is None:
        return [Remark("r", f"vLLM serves ranks up to {VLLM_RANKS[-1]}; this adapter is saved with rank {rank}.")]
    if room != rank:
        return [Remark("r", f"vLLM keeps room for rank {room} (--max-lora-rank {room}) to serve rank {rank}.")]
    return []


def _serving(config: TrainingConfig) -> list[Remark]:
    merge = "merge it into the base to serve it there."
    found = {
        "use_dora": (config.use_dora, f"vLLM does not serve DoRA adapters; {merge}"),
        "bias": (config.bias != "none", f"vLLM does not serve an adapter with trained biases; {merge}"),
        "modules_to_save": (
            bool(config.modules_to_save),
            f"vLLM does not serve most modules that are trained in full; {merge}",
        ),
        "trainable_token_indices": (
            bool(config.trainable_token_indices),
            f"vLLM does not serve an adapter with trained tokens; {merge}",
        ),
    }
    return [Remark(option, text) for option, (holds, text) in found.items() if holds]


def _initial_weights(config: TrainingConfig) -> list[Remark]:
    start = config.init_lora_weights
    if start in CHANGES_THE_BASE:
        text = f"{CHANGES_THE_BASE[start]} is saved as a plain adapter of rank {saved_rank(config)}, twice the size."
        return [Remark("init_lora_weights", text)]
    if start == "loftq":
        text = (
            f"A LoftQ adapter belongs on the base in {config.quantization}: on the unquantized one, also in vLLM, it "
            "would make up for a rounding that is not there."
        )
        return [Remark("init_lora_weights", text)]
    return []


def _held_out(config: TrainingConfig) -> list[Remark]:
    if config.held_out_share > 0:
        return []
    only = "only with rows that name “held_out” as their split"
    if config.early_stopping_patience is not None:
        return [Remark("early_stopping_patience", f"No share of the rows is held out: the run can end early {only}.")]
    if config.load_best_model_at_end:
        return [Remark("load_best_model_at_end", f"No share of the rows is held out: a best step is found {only}.")]
    return []
