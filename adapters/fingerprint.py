"""What makes two base folders the same base: four digests over weights, architecture, tokenizer and chat template.

`weights_root` is the SHA-256 of the sorted lines `name dtype shape sha256(tensor bytes)`, so it is blind to sharding
and to file metadata and changes on any cast. Pure: neither Django nor a tensor library.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.architecture import mathematics
from adapters.base_texts import (
    CHAT_TEMPLATE,
    CODE_SUFFIX,
    CONFIG,
    TOKENIZER,
    TOKENIZER_CONFIG,
    TOKENIZER_FILES,
    Texts,
    canonical,
    canonical_tokenizer,
    chat_template_in,
    has_code,
    json_in,
    special_tokens,
    texts_in,
)
from adapters.weight_files import StoredTensor, TensorLeaf, hash_tensors, leaf_lines, read_tensors, weight_files
from finetune_app.errors import UserError

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
    has_code: bool = False

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
    reading = read_base(folder)
    return made_of(reading, hash_tensors(reading.tensors, on_progress))


@dataclass(frozen=True)
class BaseReading:
    """What is read of a base before the long hashing: its small files, and where its tensors lie."""

    texts: Texts
    tensors: tuple[StoredTensor, ...]
    digests: tuple[str, str, str]  # of architecture, tokenizer and chat template


def read_base(folder: Path) -> BaseReading:
    """All that shows whether the base is whole, in a moment.

    Raises:
        UserError: as `fingerprint`.
    """
    texts = texts_in(folder)
    arch = arch_digest(_config(texts), code_digests(texts))
    tensors = tuple(read_tensors(weight_files(folder)))  # a torn file shows before minutes of hashing
    return BaseReading(texts, tensors, (arch, tokenizer_digest(texts), _sha256(chat_template_in(texts))))


def made_of(reading: BaseReading, hashed: Iterable[TensorLeaf]) -> Fingerprint:
    """The fingerprint of a base with these leaves."""
    config = _config(reading.texts)
    leaves = tuple(sorted(hashed, key=lambda leaf: leaf.name))
    arch, tokenizer, template = reading.digests
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
        has_code=has_code(reading.texts),
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


def _config(texts: Texts) -> dict[str, Any]:
    """`config.json` of the base.

    Raises:
        UserError: it is missing or broken.
    """
    if CONFIG not in texts:
        raise UserError("base_config_missing", f"The base model's folder has no {CONFIG}; it tells the architecture.")
    return json_in(texts, CONFIG)


def arch_digest(config: Mapping[str, Any], code: Mapping[str, str] | None = None) -> str:
    """SHA-256 over the canonical JSON of all config keys that change the mathematics (see `architecture.py`).

    Args:
        config: config.json.
        code: the SHA-256 of each Python file of the base's own, where it names any: they change the mathematics too.
    """
    return _sha256(canonical(mathematics(config) | ({"code": dict(code)} if code else {})))


def code_digests(texts: Texts) -> dict[str, str]:
    """The SHA-256 of each Python file of the base's own."""
    return {name: hashlib.sha256(text).hexdigest() for name, text in texts.items() if name.endswith(CODE_SUFFIX)}


def tokenizer_digest(texts: Texts) -> str:
    """SHA-256 over the canonical tokenizer and its special tokens; truncation and padding settings do not count.

    Raises:
        UserError: the base has no tokenizer.
    """
    content: dict[str, Any] = {}
    if TOKENIZER in texts:
        content["tokenizer"] = canonical_tokenizer(texts)
    else:
        files = {name: texts[name] for name in TOKENIZER_FILES if name in texts}
        if not files:
            raise UserError("base_tokenizer_missing", "The base model's folder has no tokenizer (tokenizer.json).")
        content["files"] = {name: hashlib.sha256(text).hexdigest() for name, text in files.items()}
    content["special"] = special_tokens(texts)
    return _sha256(canonical(content))


def chat_template(folder: Path) -> str:
    """The chat template's text of the base in `folder`, "" where it has none."""
    named = {name: folder / name for name in (CHAT_TEMPLATE, TOKENIZER_CONFIG)}
    return chat_template_in({name: path.read_bytes() for name, path in named.items() if path.is_file()})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
