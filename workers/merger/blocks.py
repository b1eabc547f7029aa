"""Carries tensors from the base's files into the merged model's, block by block: read, compute, round once, write.

A carrier belongs to one thread and keeps its memory from block to block. Several of them work at the same time, so that
reads, arithmetic and writes overlap: the interpreter's lock is free in each.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from adapters.weight_files import StoredTensor
from workers.merger.outgoing import Outgoing
from workers.merger.reading import SHORTER, TORCH_DTYPES, bytes_of, read_into, write_from

BLOCK_VALUES = {"cpu": 1024 * 1024, "cuda": 8 * 1024 * 1024}
"""Numbers in a block: the same on every machine, since the last bits of a product may depend on its size."""
COPY_BYTES = 32 * 1024 * 1024
THROUGH_MEMORY_BYTES = 4 * 1024 * 1024
STAGED_BYTES = 2  # of a number in pinned memory; wider ones go in several pieces
NO_KERNEL_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}

RoundTrip = Callable[[torch.Tensor], torch.Tensor]  # what nf4 makes of a layer, outputs first
Told = Callable[[int], None]


class OpenFiles:
    """Descriptors by path: each file is opened once, whichever threads use it; reads and writes name their place."""

    def __init__(self) -> None:
        self._opened: dict[Path, int] = {}

    def open(self, path: Path, flags: int) -> None:
        """Open a file; before the threads start."""
        if path not in self._opened:
            self._opened[path] = os.open(path, flags)

    def __getitem__(self, path: Path) -> int:
        return self._opened[path]

    def close(self) -> None:
        """Close all."""
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._opened.clear()


class Carrier:
    """Makes and writes one tensor after the other, in one thread.

    Args:
        device: where it computes.
        files: has every file that is read or written.
        round_trip: what nf4 makes of a tensor, for those that take that way.
        told: told the bytes that were written.
    """

    def __init__(self, device: torch.device, files: OpenFiles, round_trip: RoundTrip | None, told: Told) -> None:
        self._device = device
        self._files = files
        self._round_trip = round_trip
        self._told = told
        self._on_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._on_gpu else None
        self._block = BLOCK_VALUES[device.type]
        self._kept: dict[str, torch.Tensor] = {}

    def carry(self, tensor: Outgoing, target: Path, place: int) -> Iterator[None]:
        """Write the tensor's bytes into `target` from `place` on; gives way after each block."""
        if tensor.is_copied and tensor.planned.source:
            yield from self._copy(tensor.planned.source, target, place)
            return
        with torch.cuda.stream(self._stream) if self._stream else contextlib.nullcontext():
            yield from self._make(tensor, target, place)

    def _make(self, tensor: Outgoing, target: Path, place: int) -> Iterator[None]:
        width = TORCH_DTYPES[tensor.dtype].itemsize * tensor.row_values
        rows = max(1, self._block // max(1, tensor.row_values)) if tensor.by_rows else tensor.rows
        for start in range(0, tensor.rows if width else 0, max(1, rows)):
            after = min(start + rows, tensor.rows)
            self._write(self._rows(tensor, start, after), TORCH_DTYPES[tensor.dtype], target, place + start * width)
            yield

    def _rows(self, tensor: Outgoing, start: int, after: int) -> torch.Tensor:
        """Rows of the merged tensor before they are rounded."""
        planned = tensor.planned
        shape = (after - start, *planned.shape[1:])
        if planned.value is not None:
            return planned.value.reshape(tensor.rows, *planned.shape[1:])[start:after]
        source = planned.source
        if source is None:
            raise ValueError(f"{planned.name} is made of nothing")
        stored = self._read(source, start * tensor.row_values, after * tensor.row_values).view(shape)
        if tensor.takes_round_trip and self._round_trip:
            stored = self._round_trip(stored.mT).mT if planned.is_turned else self._round_trip(stored)
        if planned.change is None:
            return stored
        return planned.change.apply(self._cast("exact", stored, torch.float32), start)

    def _read(self, source: StoredTensor, first: int, after: int) -> torch.Tensor:
        """Some numbers of a tensor as they are stored, on the device."""
        dtype = TORCH_DTYPES[source.dtype]
        descriptor, offset = self._files[source.path], source.start + first * dtype.itemsize
        stored = self._memory("stored", after - first, dtype, self._device)
        if not self._on_gpu:
            read_into(descriptor, bytes_of(stored), offset)
            return stored
        raw = stored.view(torch.uint8)
        for begin, end, staged in self._staged("read", raw.numel()):
            read_into(descriptor, bytes_of(staged), offset + begin)
            raw[begin:end].copy_(staged, non_blocking=True)
            if end < raw.numel():
                self._wait()
        return stored

    def _write(self, made: torch.Tensor, dtype: torch.dtype, target: Path, offset: int) -> None:
        """Round and write."""
        rounded = self._cast("rounded", made, dtype).reshape(-1)
        descriptor = self._files[target]
        if rounded.device.type == "cpu":
            memory = bytes_of(rounded)
            write_from(descriptor, memory, offset)
            self._told(len(memory))
            return
        raw = rounded.view(torch.uint8)
        for begin, end, staged in self._staged("write", raw.numel()):
            staged.copy_(raw[begin:end], non_blocking=True)
            self._wait()
            write_from(descriptor, bytes_of(staged), offset + begin)
            self._told(end - begin)

    def _copy(self, source: StoredTensor, target: Path, place: int) -> Iterator[None]:
        """The base's bytes as they are; by the kernel where it can."""
        end = source.end - source.start
        for begin in range(0, end, COPY_BYTES):
            count = min(COPY_BYTES, end - begin)
            copy_bytes(self._files[source.path], source.start + begin, self._files[target], place + begin, count)
            self._told(count)
            yield

    def _staged(self, name: str, size: int) -> Iterator[tuple[int, int, torch.Tensor]]:
        """Pieces of so many bytes, each with pinned memory for it, which is the same for each."""
        piece = self._block * STAGED_BYTES
        pinned = self._kept.get(name)
        if pinned is None:
            pinned = self._kept[name] = torch.empty(piece, dtype=torch.uint8, pin_memory=True)
        for begin in range(0, size, piece):
            end = min(begin + piece, size)
            yield begin, end, pinned[: end - begin]

    def _wait(self) -> None:
        """Until the GPU is done with what it was given; then staged memory may be used again."""
        if self._stream:
            self._stream.synchronize()

    def _cast(self, name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        if tensor.dtype == dtype:
            return tensor.contiguous()
        memory = self._memory(name, tensor.numel(), dtype, tensor.device)
        return memory.view(tensor.shape).copy_(tensor)

    def _memory(self, name: str, count: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Memory for so many numbers: that of the block before, unless this is a whole tensor."""
        size = count * dtype.itemsize
        if size > self._block * 8:
            return torch.empty(count, dtype=dtype, device=device)
        key = f"{name} {device.type}"
        kept = self._kept.get(key)
        if kept is None or kept.numel() < size:
            kept = self._kept[key] = torch.empty(size, dtype=torch.uint8, device=device)
        return kept[:size].view(dtype)


def copy_bytes(source: int, start: int, target: int, place: int, count: int) -> None:
    """Copy bytes between files, inside the kernel where it can.

    Raises:
        EOFError: the source ends before.
    """
    while count:
        try:
            copied = os.copy_file_range(source, target, count, start, place)
        except (AttributeError, OSError) as error:  # no such call on this system, or not between these files
            if isinstance(error, OSError) and error.errno not in NO_KERNEL_COPY:
                raise
            _copy_through_memory(source, start, target, place, count)
            return
        if not copied:
            raise EOFError(SHORTER)
        start, place, count = start + copied, place + copied, count - copied


def _copy_through_memory(source: int, start: int, target: int, place: int, count: int) -> None:
    memory = memoryview(bytearray(min(count, THROUGH_MEMORY_BYTES)))
    for done in range(0, count, len(memory)):
        part = memory[: count - done]
        read_into(source, part, start + done)
        write_from(target, part, place + done)
