"""What makes two base folders the same base: four digests over weights, architecture, tokenizer and chat template.

`weights_root` is the SHA-256 of the sorted lines `name dtype shape sha256(tensor bytes)`, so it is blind to sharding
and to file metadata and changes on any cast. Pure: neither Django nor a tensor library.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.weight_files import TensorLeaf, hash_tensors, leaf_lines, read_json, read_tensors, weight_files
from finetune_app.errors import UserError

CONFIG = "config.json"

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
TOKENIZER_FILES = ("tokenizer.model", "spiece.model", "vocab.json", "merges.txt", "vocab.txt")
USUAL_MODULES = ("q_proj", "v_proj", "k_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
NOT_LINEAR = ("embed", "wte", "wpe", "lm_head", "norm", "ln_")
MATRIX_DIMENSIONS = 2
# A layer's weights: as they are, packed by GPTQ and AWQ, and packed by compressed-tensors.
WEIGHT_NAMES = frozenset({"weight", "qweight", "weight_packed"})
# What stands beside packed weights and holds none.
BESIDE_PACKED = frozenset(
    {
        "absmax", "quant_map", "nested_absmax", "nested_quant_map", "qzeros", "scales", "g_idx", "SCB", "weight_format",
        "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx", "weight_scale_inv", "input_scale",
    }
)  # fmt: skip
PACKED_BITS = {"U8": 8, "I8": 8, "I32": 32}

DTYPE_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True)
class Fingerprint:
    """The four digests of a base folder and what a person wants to know about it; `leaves` are sorted by name."""

    weights_root: str
    arch_digest: str
    tokenizer_digest: str
    chat_template_digest: str
    leaves: tuple[TensorLeaf, ...]
    architecture: str
    parameters: int
    dtype: str
    linear_modules: tuple[str, ...]

    @property
    def leaf_lines(self) -> bytes:
        """The sorted lines themselves; their SHA-256 is `weights_root`."""
        return leaf_lines(self.leaves)


def fingerprint(folder: Path, on_progress: Callable[[int, int], None] | None = None) -> Fingerprint:
    """Compute the four digests of the base in `folder`.

    Args:
        folder: config.json, safetensors weights and tokenizer files, as transformers saves them.
        on_progress: called in this thread with (weight bytes hashed, weight bytes in all).

    Raises:
        UserError: something is missing, torn, or stored in a way that Graft does not take.
    """
    config = read_config(folder)
    tensors = list(read_tensors(weight_files(folder)))  # a torn file shows before minutes of hashing
    arch, tokenizer, template = arch_digest(config), tokenizer_digest(folder), _sha256(chat_template(folder))
    leaves = tuple(sorted(hash_tensors(tensors, on_progress), key=lambda leaf: leaf.name))
    sizes = Counter[str]()
    for leaf in leaves:
        sizes[leaf.dtype] += math.prod(leaf.shape)
    main_dtype = sizes.most_common(1)[0][0]
    return Fingerprint(
        weights_root=hashlib.sha256(leaf_lines(leaves)).hexdigest(),
        arch_digest=arch,
        tokenizer_digest=tokenizer,
        chat_template_digest=template,
        leaves=leaves,
        architecture=str((config.get("architectures") or [config.get("model_type", "")])[0]),
        parameters=count_parameters(leaves, config),
        dtype=DTYPE_NAMES.get(main_dtype, main_dtype.lower()),
        linear_modules=linear_modules(leaves),
    )


def count_parameters(leaves: tuple[TensorLeaf, ...], config: Mapping[str, Any]) -> int:
    """How many weights the tensors hold; several in one number where the base is quantized already."""
    recipe = config.get("quantization_config")
    if not isinstance(recipe, dict):
        return sum(math.prod(leaf.shape) for leaf in leaves)
    bits = recipe.get("bits") or recipe.get("w_bit") or (8 if recipe.get("load_in_8bit") else 4)
    held = [leaf for leaf in leaves if not BESIDE_PACKED & set(leaf.name.split("."))]
    held = [leaf for leaf in held if not leaf.name.rpartition(".")[2].startswith("bitsandbytes__")]
    return sum(math.prod(leaf.shape) * max(1, PACKED_BITS.get(leaf.dtype, 0) // int(bits)) for leaf in held)


def linear_modules(leaves: tuple[TensorLeaf, ...]) -> tuple[str, ...]:
    """The last names of the layers that an adapter can target: the usual ones first, then the others by name."""
    names = {name.rpartition(".")[2] for name in linear_layers(leaves)}
    return (*(name for name in USUAL_MODULES if name in names), *sorted(names.difference(USUAL_MODULES)))


def linear_layers(leaves: tuple[TensorLeaf, ...]) -> tuple[str, ...]:
    """The full names of all linear layers but the embeddings and the output head, e.g. `model.layers.0.mlp.up_proj`."""
    layers = (
        leaf.name.rpartition(".")[0]
        for leaf in leaves
        if len(leaf.shape) == MATRIX_DIMENSIONS and leaf.name.rpartition(".")[2] in WEIGHT_NAMES
    )
    return tuple(name for name in layers if not any(part in name.rpartition(".")[2] for part in NOT_LINEAR))


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of the base.

    Raises:
        UserError: it is missing or broken.
    """
    if not (folder / CONFIG).is_file():
        raise UserError("base_config_missing", f"The base model's folder has no {CONFIG}; it tells the architecture.")
    return read_json(folder / CONFIG)


def arch_digest(config: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of all config keys that change the mathematics (see `NOT_MATHEMATICS`)."""
    plain = _mathematics(config)
    if isinstance(plain.get("architectures"), list):
        plain["architectures"] = sorted(plain["architectures"])
    return _sha256(_canonical(plain))


def tokenizer_digest(folder: Path) -> str:
    """SHA-256 over the canonical tokenizer and its special tokens; truncation and padding settings do not count.

    Raises:
        UserError: the folder has no tokenizer.
    """
    content: dict[str, Any] = {}
    if (folder / "tokenizer.json").is_file():
        tokenizer = read_json(folder / "tokenizer.json")
        for state in ("version", "truncation", "padding"):  # written by whoever used it last
            tokenizer.pop(state, None)
        model = tokenizer.get("model")
        if isinstance(model, dict) and isinstance(model.get("merges"), list):
            model["merges"] = [m.split(" ", 1) if isinstance(m, str) else m for m in model["merges"]]
        content["tokenizer"] = tokenizer
    else:
        files = {name: folder / name for name in TOKENIZER_FILES if (folder / name).is_file()}
        if not files:
            raise UserError("base_tokenizer_missing", "The base model's folder has no tokenizer (tokenizer.json).")
        content["files"] = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    content["special"] = _special_tokens(folder)
    return _sha256(_canonical(content))


def chat_template(folder: Path) -> str:
    """The chat template's text, "" where the base has none."""
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8", errors="replace")
    template = _read_optional_json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(template, str) or not template:
        return template or ""
    named = {str(item.get("name")): str(item.get("template")) for item in template if isinstance(item, dict)}
    return named.get("default") or _canonical(named)


def _special_tokens(folder: Path) -> dict[str, Any]:
    """The special tokens by role, and whether they are added to every text."""
    merged = _read_optional_json(folder / "special_tokens_map.json") | _read_optional_json(
        folder / "tokenizer_config.json"
    )
    roles = ("additional_special_tokens", "extra_special_tokens", "add_bos_token", "add_eos_token")
    chosen = {key: _token(merged[key]) for key in merged if key.endswith("_token") or key in roles}
    return {key: value for key, value in chosen.items() if value not in (None, [], {})}


def _token(value: Any) -> Any:
    """A token's text, whether it was saved as text or as an object with flags."""
    if isinstance(value, dict) and "content" in value:
        return value["content"]
    return [_token(item) for item in value] if isinstance(value, list) else value


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


def _read_optional_json(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _drop_default(config: dict[str, Any], key: str, default: int) -> None:
    if config.get(key) == default:
        del config[key]


def _canonical(value: Any) -> str:
    return json.dumps(_plain_numbers(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain_numbers(value: Any) -> Any:
    """10000.0 and 10000 are one number, whichever a library's version writes."""
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
