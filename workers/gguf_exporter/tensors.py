"""The merged model's tensors under llama.cpp's names, read, turned and encoded some rows at a time.

However large a tensor is, a few megabytes of it are in memory at once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import quant_shape_to_byte_shape, quantize

from adapters.weight_files import StoredTensor, read_tensors, weight_files
from workers.gguf_exporter.architectures import Architecture
from workers.gguf_exporter.unfit import unfit
from workers.progress import Progress

BLOCK_VALUES = 4 * 1024 * 1024  # 16 MB in float32
# "BF16" is read as the upper halves of float32 numbers.
READ_AS: dict[str, np.dtype[Any]] = {"BF16": np.dtype("<u2"), "F16": np.dtype("<f2"), "F32": np.dtype("<f4")}
BLOCK_OF_LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True)
class Placed:
    """A tensor and what becomes of it: `heads` of its rows are put in the other order; 0: they stay as they are."""

    source: StoredTensor
    name: str
    type: GGMLQuantizationType
    heads: int = 0

    @property
    def nbytes(self) -> int:
        """Of its encoded bytes."""
        return int(np.prod(quant_shape_to_byte_shape(self.source.shape, self.type), dtype=np.int64))


def place_tensors(
    folder: Path, config: Any, architecture: Architecture, type: GGMLQuantizationType | None
) -> list[Placed]:
    """All tensors of the model in `folder`, in the order in which they are written.

    Args:
        folder: with the model's safetensors files.
        config: the model's.
        architecture: its architecture.
        type: of the matrices; where a row does not fill its blocks, float16 takes its place. None: as they are stored.

    Raises:
        ChildFailure: a tensor has no place in a GGUF file of this architecture, or numbers that it cannot have.
        UserError: a file is damaged.
    """
    names = gguf.get_tensor_name_map(architecture.model, config.num_hidden_layers)
    placed = [
        _place(tensor, names, config, architecture, type)
        for tensor in read_tensors(weight_files(folder))
        # of a tied model the embedding serves for both, whatever else lies in its files
        if not (config.tie_word_embeddings and tensor.name == "lm_head.weight")
    ]
    return sorted(placed, key=_order)


def _place(
    tensor: StoredTensor,
    names: gguf.TensorNameMap,
    config: Any,
    architecture: Architecture,
    type: GGMLQuantizationType | None,
) -> Placed:
    name = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
    if name is None:
        raise unfit(f"llama.cpp has no place for the tensor {tensor.name} in a model of this architecture.")
    if tensor.dtype not in READ_AS:
        raise unfit(f"The tensor {tensor.name} is stored as {tensor.dtype}; a GGUF file is made of floating point.")
    if len(tensor.shape) == 1:
        wanted = GGMLQuantizationType.F32
    else:
        wanted = GGMLQuantizationType[tensor.dtype] if type is None else type
        if tensor.shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0]:
            wanted = GGMLQuantizationType.F16
    heads = 0
    if architecture.pairs_neighbours and ".attn_q." in name:
        heads = config.num_attention_heads
    if architecture.pairs_neighbours and ".attn_k." in name:
        heads = config.num_key_value_heads
    return Placed(tensor, name, wanted, heads)


def _order(placed: Placed) -> tuple[int, str]:
    layer = BLOCK_OF_LAYER.match(placed.name)
    return (int(layer[1]) if layer else -1, placed.name)


def read_blocks(placed: Placed) -> Iterator[np.ndarray]:
    """The tensor's rows in float32, in the order of the GGUF file, some at a time; a vector comes whole.

    Raises:
        ChildFailure: a number is not finite.
    """
    source = placed.source
    columns = source.shape[1] if len(source.shape) > 1 else 1
    unit = source.shape[0] // placed.heads if placed.heads else 1
    step = max(1, BLOCK_VALUES // (columns * unit)) * unit
    if len(source.shape) == 1:
        step = source.shape[0]
    with source.path.open("rb") as file:
        file.seek(source.start)
        for first in range(0, source.shape[0], step):
            rows = min(step, source.shape[0] - first)
            values = _as_float32(np.fromfile(file, READ_AS[source.dtype], rows * columns), source.dtype)
            if not np.isfinite(values).all():
                raise unfit(f"The tensor {source.name} has numbers that are not finite.")
            values = values.reshape(rows, *source.shape[1:])
            yield _pair_neighbours(values, unit) if placed.heads else values


def _as_float32(raw: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32, copy=False)


def _pair_neighbours(values: np.ndarray, head_size: int) -> np.ndarray:
    """Of each head, row n of the first half and row n of the second half come to lie beside each other."""
    halves = values.reshape(-1, 2, head_size // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)


class EncodedRows:
    """A tensor as `GGUFWriter.write_tensor_data` wants one, but that it comes to be while it is written."""

    def __init__(self, placed: Placed, progress: Progress) -> None:
        self._placed = placed
        self._progress = progress
        self.nbytes = placed.nbytes

    def tofile(self, file: BinaryIO) -> None:
        """Write the encoded bytes.

        Raises:
            ChildFailure: a number is too large for float16, or not finite.
        """
        for values in read_blocks(self._placed):
            file.write(_encode(values, self._placed).tobytes())
            self._progress.add(values.size)


def _encode(values: np.ndarray, placed: Placed) -> np.ndarray:
    with np.errstate(over="ignore"):
        encoded = quantize(values, placed.type)
    if placed.type is GGMLQuantizationType.F16 and not np.isfinite(encoded).all():
        raise unfit(f"The tensor {placed.source.name} has numbers that float16 cannot hold. Choose BF16 or Q8_0.")
    return encoded
