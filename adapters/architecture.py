"""Which keys of a base's config.json change what it computes, in one spelling. Pure."""

from collections.abc import Mapping
from typing import Any

# Keys of config.json that say how a model is stored, started or sampled from, not what it computes.
NOT_MATHEMATICS = frozenset(
    {
        "transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "torch_dtype", "dtype", "use_cache",
        "output_attentions", "output_hidden_states", "return_dict", "attn_implementation", "_attn_implementation",
        "_attn_implementation_autoset", "gradient_checkpointing", "pretraining_tp", "initializer_range", "tags",
        "license",
        # which token starts, ends or fills a text is the tokenizer's business
        "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id", "unk_token_id",
        # labels and defaults of generation
        "id2label", "label2id", "problem_type", "task_specific_params", "finetuning_task", "do_sample", "temperature",
        "top_k", "top_p", "max_length", "min_length", "num_beams", "repetition_penalty", "max_new_tokens",
    }
)  # fmt: skip
ROPE_KEYS = ("rope_theta", "rope_scaling", "rope_parameters")


def mathematics(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config keys that change the mathematics, in one spelling."""
    plain = _mathematics(config)
    if isinstance(plain.get("architectures"), list):
        plain["architectures"] = sorted(plain["architectures"])
    return plain


def _mathematics(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without keys that change nothing and without empty ones, its rotary settings in one spelling."""
    kept = {
        key: _mathematics(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in NOT_MATHEMATICS and key not in ROPE_KEYS and value is not None
    }
    # Newer versions write out what older ones left to the default.
    heads = config.get("num_attention_heads")
    if isinstance(heads, int) and isinstance(config.get("hidden_size"), int) and heads > 0:
        _drop_default(kept, "head_dim", config["hidden_size"] // heads)
        _drop_default(kept, "num_key_value_heads", heads)
    # transformers 4 wrote rope_theta and rope_scaling, transformers 5 writes both into rope_parameters.
    rope: dict[str, Any] = {"rope_theta": config.get("rope_theta")}
    for key in ("rope_scaling", "rope_parameters"):
        if isinstance(config.get(key), dict):
            rope |= {name: value for name, value in config[key].items() if value is not None}
    rope_type = rope.pop("type", None)
    rope.setdefault("rope_type", rope_type)
    if rope["rope_type"] == "default":
        del rope["rope_type"]
    rope = {name: value for name, value in rope.items() if value is not None}
    return {**kept, "rope": rope} if rope else kept


def _drop_default(config: dict[str, Any], key: str, default: int) -> None:
    if config.get(key) == default:
        del config[key]
