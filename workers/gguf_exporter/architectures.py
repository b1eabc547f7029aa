"""The model architectures that can leave as GGUF, and what the file has to say of each."""

from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np

from workers.gguf_exporter.unfit import unfit


@dataclass(frozen=True)
class Architecture:
    """What llama.cpp calls it, and what is special about it.

    Attributes:
        model: its number and name there.
        pairs_neighbours: whether its rotary embedding turns neighbouring rows of q and k, where transformers turns
            rows that lie half a head apart; q and k are then put in another order.
        scales_by_frequency: whether it reads a scale for each frequency of the rotary embedding.
    """

    model: gguf.MODEL_ARCH
    pairs_neighbours: bool = False
    scales_by_frequency: bool = False


_LLAMA = Architecture(gguf.MODEL_ARCH.LLAMA, pairs_neighbours=True, scales_by_frequency=True)
ARCHITECTURES = {
    "LlamaForCausalLM": _LLAMA,
    "MistralForCausalLM": _LLAMA,
    "Qwen2ForCausalLM": Architecture(gguf.MODEL_ARCH.QWEN2),
    "Qwen3ForCausalLM": Architecture(gguf.MODEL_ARCH.QWEN3),
}


def architecture_of(config: Any) -> Architecture:
    """The one of a model with this config.

    Raises:
        ChildFailure: it is none of those, or it is used in a way that llama.cpp does not know.
    """
    name = next(iter(config.architectures or []), "without a name")
    if name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise unfit(f"A model of the architecture {name} cannot become a GGUF file here. These can: {known}.")
    if config.hidden_act != "silu":
        raise unfit(f"llama.cpp computes {name} with the activation silu, and this model has {config.hidden_act}.")
    if "sliding_attention" in (getattr(config, "layer_types", None) or []) and name != "MistralForCausalLM":
        raise unfit(f"llama.cpp computes {name} with full attention, and this model's is a sliding window.")
    return ARCHITECTURES[name]


def attention_remark(config: Any) -> str:
    """What is to be known of a Mistral model's window; empty: nothing."""
    window = getattr(config, "sliding_window", None)
    if not window or window >= config.max_position_embeddings or config.model_type != "mistral":
        return ""
    return f"Beyond {window} tokens llama.cpp looks at all of them, where the model was trained with a sliding window."


def add_hyperparameters(writer: gguf.GGUFWriter, config: Any) -> None:
    """Write the config's numbers.

    Raises:
        ChildFailure: the rotary embedding is scaled in a way that llama.cpp does not know.
    """
    heads = config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head_size)
    _add_rope(writer, config.rope_parameters)


def _add_rope(writer: gguf.GGUFWriter, rope: dict[str, Any]) -> None:
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope.get("partial_rotary_factor") not in {None, 1.0}:
        raise unfit("llama.cpp turns whole heads by the rotary embedding; this model turns a part of each.")
    match rope.get("rope_type", "default"):
        case "default" | "llama3":  # of llama3, a tensor says the scales
            return
        case "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(rope["factor"])
        case "yarn" if not any(rope.get(key) for key in ("attention_factor", "mscale", "mscale_all_dim")):
            writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
            writer.add_rope_scaling_factor(rope["factor"])
            writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
            writer.add_rope_scaling_yarn_beta_fast(rope.get("beta_fast") or 32.0)
            writer.add_rope_scaling_yarn_beta_slow(rope.get("beta_slow") or 1.0)
        case other:
            raise unfit(f"llama.cpp does not scale the rotary embedding as this model does ({other}).")


def frequency_scales(config: Any, architecture: Architecture) -> np.ndarray | None:
    """By what each frequency of the rotary embedding is divided; None: by nothing, or by one number in the metadata.

    Raises:
        ChildFailure: the architecture cannot have them.
    """
    if config.rope_parameters.get("rope_type") != "llama3":
        return None
    if not architecture.scales_by_frequency:
        raise unfit(f"llama.cpp does not scale the rotary embedding of {config.architectures[0]} as Llama 3 does.")
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS  # noqa: PLC0415 - it takes torch along

    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    plain = config.rope_parameters["rope_theta"] ** -(np.arange(0, size, 2, dtype=np.float64) / size)
    return (plain / scaled.double().numpy()).astype(np.float32)
