"""Safetensors files laid out before their tensors are there: where each tensor will lie, and the index over the files.

A file's header and size are written first, so that blocks of its tensors can be written in any order by any thread.
The header reads as safetensors writes it. The same tensors make the same bytes.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.weight_files import DTYPE_BITS, HEADER_LENGTH_BYTES, WEIGHTS, WEIGHTS_INDEX

SHARD_BYTES = 4 * 10**9  # of tensors in a file that is laid out anew
ALIGNMENT = 8
METADATA = {"format": "pt"}


@dataclass(frozen=True)
class Entry:
    """A tensor to be written; `dtype` in safetensors' spelling."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        return math.prod(self.shape) * DTYPE_BITS[self.dtype] // 8


@dataclass(frozen=True)
class Shard:
    """One file: its header with the length before it, where each tensor begins, and how large it will be."""

    file: str
    header: bytes
    places: Mapping[str, int]
    size: int

    @property
    def tensor_bytes(self) -> int:
        """Its bytes without the header."""
        return self.size - len(self.header)


def shard_of(file: str, entries: Iterable[Entry]) -> Shard:
    """The layout of a file with these tensors.

    Wide ones come first, as safetensors puts them, so that each begins at a multiple of its element's size; among
    those of one width the order is kept.
    """
    ordered = sorted(entries, key=lambda entry: -DTYPE_BITS[entry.dtype])
    table: dict[str, Any] = {"__metadata__": METADATA}
    position, starts = 0, {}
    for entry in ordered:
        starts[entry.name] = position
        table[entry.name] = {
            "dtype": entry.dtype,
            "shape": entry.shape,
            "data_offsets": [position, position + entry.size],
        }
        position += entry.size
    encoded = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
    encoded += b" " * (-len(encoded) % ALIGNMENT)
    header = len(encoded).to_bytes(HEADER_LENGTH_BYTES, "little") + encoded
    places = {name: len(header) + start for name, start in starts.items()}
    return Shard(file, header, places, len(header) + position)


def split(entries: Sequence[Entry], limit: int = SHARD_BYTES) -> list[Shard]:
    """Files of at most `limit` bytes of tensors, in their order; a larger tensor has a file of its own."""
    groups: list[list[Entry]] = []
    filled = 0
    for entry in entries:
        if not groups or (filled + entry.size > limit and filled):
            groups.append([])
            filled = 0
        groups[-1].append(entry)
        filled += entry.size
    if len(groups) <= 1:
        return [shard_of(WEIGHTS, group) for group in groups]
    return [
        shard_of(f"model-{number:05d}-of-{len(groups):05d}.safetensors", group)
        for number, group in enumerate(groups, 1)
    ]


def follow(entries: Iterable[tuple[str, Entry]]) -> list[Shard]:
    """Files as they are given beside each tensor; one alone has the name that transformers looks for."""
    groups: dict[str, list[Entry]] = {}
    for file, entry in entries:
        groups.setdefault(file, []).append(entry)
    if len(groups) == 1:
        groups = {WEIGHTS: next(iter(groups.values()))}
    return [shard_of(file, groups[file]) for file in sorted(groups)]


def create(folder: Path, shards: Iterable[Shard]) -> None:
    """Write the headers, give the files their size, and write the index where there are several files."""
    shards = list(shards)
    for shard in shards:
        with (folder / shard.file).open("xb") as file:
            file.write(shard.header)
            file.truncate(shard.size)
    if [shard.file for shard in shards] != [WEIGHTS]:
        (folder / WEIGHTS_INDEX).write_text(index_of(shards))


def index_of(shards: Sequence[Shard]) -> str:
    """The content of `model.safetensors.index.json`."""
    weight_map = {name: shard.file for shard in shards for name in shard.places}
    total = sum(shard.tensor_bytes for shard in shards)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    return json.dumps(index, indent=2, ensure_ascii=False) + "\n"
