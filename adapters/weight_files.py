"""Safetensors files read by hand: which files hold a base's weights, whether they are whole, and a hash per tensor.

Pure and cheap: the header is plain JSON, the bytes are mapped into memory and hashed in a few threads (hashlib releases
the GIL); no tensor library is imported.
"""

import json
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.hashing import hash_spans
from finetune_app.errors import UserError

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
HEADER_LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000  # the format's own limit
DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class TensorLeaf:
    """One tensor of the base; `dtype` in safetensors' spelling, `sha256` of its raw bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def line(self) -> str:
        """The line that `weights_root` is made of, e.g. `model.norm.weight BF16 [576] 3f…`."""
        return f"{self.name} {self.dtype} {_shape(self.shape)} {self.sha256}"


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor's bytes lie: `start` and `end` are offsets in `path`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    start: int
    end: int


def leaf_lines(leaves: tuple[TensorLeaf, ...]) -> bytes:
    """One line per tensor, sorted by name; the SHA-256 of these bytes is `weights_root`."""
    return "".join(f"{leaf.line}\n" for leaf in sorted(leaves, key=lambda leaf: leaf.name)).encode()


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that transformers would load, in order.

    Raises:
        UserError: there are none, or the index names one that is not there.
    """
    present = [path.name for path in folder.iterdir() if path.is_file()]
    index = read_json(folder / WEIGHTS_INDEX) if WEIGHTS_INDEX in present and WEIGHTS not in present else None
    return [folder / name for name in weight_names(present, index)]


def weight_names(present: Collection[str], index: Mapping[str, Any] | None) -> list[str]:
    """Which of the files directly in a base's folder are the weights that transformers would load, in order.

    Args:
        present: the names of all of them.
        index: what the weights' index says; None where there is none, or one file has all weights.

    Raises:
        UserError: there are none, or the index names one that is not there.
    """
    if WEIGHTS in present:
        return [WEIGHTS]
    if index is None:
        raise _no_safetensors(present)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise UserError("base_torn", f"{WEIGHTS_INDEX} names no weights. Copy the folder again.")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if Path(name).name != name or name not in present:
            raise UserError("base_torn", f"{WEIGHTS_INDEX} names “{name}”, which is not there. Copy the folder again.")
    return names


def hash_tensors(
    tensors: Iterable[StoredTensor], on_progress: Callable[[int, int], None] | None = None
) -> Iterator[TensorLeaf]:
    """The leaf of each tensor; `on_progress` gets (bytes hashed, bytes in all) in the caller's thread."""
    tensors = in_place_order(tensors)
    digests = hash_spans([(tensor.path, tensor.start, tensor.end) for tensor in tensors], on_progress)
    return (leaf_of(tensor, digest) for tensor, digest in zip(tensors, digests, strict=True))


def in_place_order(tensors: Iterable[StoredTensor]) -> list[StoredTensor]:
    """The tensors as they lie in the files, so that a disk is read from front to back."""
    return sorted(tensors, key=lambda tensor: (tensor.path, tensor.start))


def leaf_of(tensor: StoredTensor, sha256: str) -> TensorLeaf:
    """The leaf of a tensor whose bytes have this SHA-256."""
    return TensorLeaf(tensor.name, tensor.dtype, tensor.shape, sha256)


def read_tensors(files: Iterable[Path]) -> Iterator[StoredTensor]:
    """All tensors of all shards, checked to be whole and named once.

    Raises:
        UserError: a file is damaged.
    """
    seen: set[str] = set()
    for path in files:
        for tensor in _read_header(path):
            if tensor.name in seen:
                raise _torn(path, f"the tensor “{tensor.name}” is there twice")
            seen.add(tensor.name)
            yield tensor
    if not seen:
        raise UserError("base_torn", "The base model's safetensors files hold no tensors. Copy the folder again.")


def _read_header(path: Path) -> list[StoredTensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
        if size < HEADER_LENGTH_BYTES or length > min(size - HEADER_LENGTH_BYTES, MAX_HEADER_BYTES):
            raise _torn(path, "it is shorter than its header says")
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _torn(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _torn(path, "its header is not a list of tensors")
    data = HEADER_LENGTH_BYTES + length
    tensors = [_tensor(path, name, entry, data) for name, entry in header.items() if name != "__metadata__"]
    position = data
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.start != position:
            raise _torn(path, f"the bytes before “{tensor.name}” belong to no tensor or to two")
        position = tensor.end
    if position != size:
        raise _torn(path, f"it has {size} bytes where its header promises {position}")
    return tensors


def _tensor(path: Path, name: str, entry: Any, data: int) -> StoredTensor:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [start, end]}:
            numbers = [*shape, start, end]
        case _:
            raise _torn(path, f"the entry of “{name}” is not complete")
    if not all(type(number) is int and number >= 0 for number in numbers) or dtype not in DTYPE_BITS:
        raise _torn(path, f"the entry of “{name}” has a type, shape or place that cannot be")
    if math.prod(shape) * DTYPE_BITS[dtype] != (end - start) * 8:
        raise _torn(path, f"the size of “{name}” does not fit its shape")
    if not name or any(character.isspace() or not character.isprintable() for character in name):
        raise _torn(path, "a tensor's name is empty or has spaces in it")
    return StoredTensor(name, dtype, tuple(shape), path, data + start, data + end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is there twice")
    return result


def _torn(path: Path, why: str) -> UserError:
    return UserError("base_torn", f"{path.name} is damaged: {why}. Copy the file again.")


def _no_safetensors(present: Iterable[str]) -> UserError:
    pickles = sorted(name for name in present if name.endswith(PICKLES))
    found = f"its weights are in {pickles[0]}, a pickle file, which can run code when it is opened" if pickles else ""
    found = found or "it has no model.safetensors and no model.safetensors.index.json"
    return UserError(
        "base_not_safetensors",
        f"Graft takes safetensors only; {found}. Where you trust the source, convert it with "
        "AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder), and copy the tokenizer files along.",
    )


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a base's file.

    Raises:
        UserError: it is not one.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError("base_json_broken", f"{path.name} of the base model is not valid JSON.") from error
    if not isinstance(content, dict):
        raise UserError("base_json_broken", f"{path.name} of the base model is not a JSON object.")
    return content


def _shape(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"
