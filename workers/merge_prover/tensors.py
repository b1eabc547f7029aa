"""The merged model's files, tensor by tensor: what the adapter does not touch is the base's, what it does is as asked.

Tensors are read in blocks of rows, so that the largest embedding needs little memory beside the one that peft merges.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open

from adapters.weight_files import StoredTensor, read_tensors, weight_files
from finetune_app.merges.report import TensorReport
from finetune_app.merges.states import WeightsDtype
from workers.merge_prover.asked import Asked, AskedChanges
from workers.merge_prover.sums import Sums

BLOCK_NUMBERS = 1 << 22
RoundTrips = Mapping[str, Callable[[], torch.Tensor]]


class Files:
    """The tensors of a model's folder by name, read a block of rows at a time."""

    def __init__(self, folder: Path) -> None:
        self.stored: dict[str, StoredTensor] = {tensor.name: tensor for tensor in read_tensors(weight_files(folder))}
        self._open: dict[Path, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.stored

    def read(self, name: str) -> torch.Tensor:
        """The whole tensor."""
        tensor: torch.Tensor = self._file(name).get_tensor(name)
        return tensor

    def blocks(self, name: str) -> Iterator[tuple[slice, torch.Tensor]]:
        """Its rows, in order, with their places; one without dimensions is one row."""
        shape = self.stored[name].shape
        if not shape or 0 in shape:
            yield slice(0, 1), self.read(name).reshape(-1)
            return
        part = self._file(name).get_slice(name)
        rows = max(1, BLOCK_NUMBERS * shape[0] // torch.Size(shape).numel())
        for start in range(0, shape[0], rows):
            yield slice(start, start + rows), part[start : start + rows]

    def _file(self, name: str) -> Any:
        path = self.stored[name].path
        if path not in self._open:
            self._open[path] = safe_open(path, framework="pt")
        return self._open[path]


@dataclass
class TensorFindings:
    """What the files show; `unknown` are the adapter's tensors that peft has no place for."""

    changed: list[TensorReport] = field(default_factory=list)
    untouched: int = 0
    not_identical: list[str] = field(default_factory=list)
    not_finite: list[str] = field(default_factory=list)
    tensors: int = 0
    unknown: list[str] = field(default_factory=list)


class TensorCheck:
    """Compares the merged files with base and adapter.

    Args:
        base: the base's files.
        merged: the merged model's.
        asked: what the adapter asks for.
        dtype: what the merge was to round to.
        round_trips: for a merge onto the weights in 4 bits: the layers that were quantized, as they came back.
        device: what computes.
    """

    def __init__(
        self,
        base: Files,
        merged: Files,
        asked: AskedChanges,
        *,
        dtype: WeightsDtype,
        round_trips: RoundTrips,
        device: torch.device,
    ) -> None:
        self._base, self._merged, self._asked = base, merged, asked
        self._dtype: torch.dtype = getattr(torch, dtype)
        self._round_trips, self._device = round_trips, device
        self._found = TensorFindings(tensors=len(merged.stored), unknown=asked.unknown)

    def run(self, on_tensors: Callable[[int], None]) -> TensorFindings:
        """Look at every tensor of both; `on_tensors` is told of each that is done."""
        done: set[str] = set()
        for asked in self._asked.each(self):
            done.add(asked.name)
            self._found.changed.append(self._changed(asked))
            on_tensors(1)
        self._find_tied_to_changed(done)
        for name in self._merged.stored.keys() - done:
            self._found.untouched += 1
            if not self._is_untouched(name):
                self._found.not_identical.append(name)
            on_tensors(1)
        missing = self._base.stored.keys() - self._merged.stored.keys() - done
        self._found.untouched += len(missing)
        self._found.not_identical += [f"{name} (missing)" for name in sorted(missing)]
        self._found.changed.sort(key=lambda tensor: tensor.name)
        self._found.not_identical.sort()
        return self._found

    def has(self, name: str) -> bool:
        """Whether the base has such a tensor; a parameter that is tied to another one has its numbers."""
        return self._source(name) is not None

    def read(self, name: str) -> torch.Tensor:
        """What the adapter's change is added to, in float32."""
        if name in self._round_trips:
            return self._round_trips[name]().to(self._device, torch.float32)
        return self._base.read(self._source(name) or name).to(self._device, torch.float32)

    def _source(self, name: str) -> str | None:
        spellings = (name, *sorted(self._asked.ties.get(name, ())))
        return next((spelling for spelling in spellings if spelling in self._base), None)

    def _changed(self, asked: Asked) -> TensorReport:
        change: Literal["added", "replaced", "new"] = asked.change
        if change == "replaced" and self._source(asked.name) is None:
            change = "new"
        name = self._stored_as(asked.name)
        stored = self._merged.stored.get(name)
        if stored is None or stored.shape != tuple(asked.after.shape) or not self._is_of_dtype(name):
            return TensorReport(name=asked.name, change=change, delta_norm=asked.after.norm().item())  # not measurable
        sums = Sums()
        is_finite = True
        for rows, block in self._merged.blocks(name):
            is_finite = is_finite and bool(block.isfinite().all())
            on_disk = block.to(self._device, torch.float32)
            sums.add(on_disk, _rows(asked.after, rows), _rows(asked.before, rows), self._dtype)
        if not is_finite:
            self._found.not_finite.append(asked.name)
        return sums.report(asked.name, change)

    def _stored_as(self, name: str) -> str:
        """A parameter that is still tied to another one lies under that one's name."""
        spellings = (name, *sorted(self._asked.ties.get(name, ())))
        return next((spelling for spelling in spellings if spelling in self._merged), name)

    def _find_tied_to_changed(self, done: set[str]) -> None:
        """What was tied to a tensor that is changed, and is not to change itself, must have become one of its own."""
        for name in sorted(done):
            for other in self._asked.ties.get(name, set()) - done:
                if other not in self._merged:
                    self._found.untouched += 1
                    self._found.not_identical.append(f"{other} (still tied to {name})")

    def _is_untouched(self, name: str) -> bool:
        """Whether it is the base's tensor, or its cast; also looks whether all of it is finite."""
        source = self._source(name)
        came_back = self._round_trips.get(name)
        fits = source is not None and self._base.stored[source].shape == self._merged.stored[name].shape
        is_same = fits and self._is_of_dtype(name)
        is_finite = True
        whole = came_back() if came_back and fits else None
        of_base = self._base.blocks(source) if source and fits else None
        for rows, block in self._merged.blocks(name):
            is_finite = is_finite and _is_finite(block)
            if of_base is not None:
                _, expected = next(of_base)
                if whole is not None:
                    expected = whole[rows].to(block.device)
                is_same = is_same and _same_bytes(block, expected.to(block.dtype))
        if not is_finite:
            self._found.not_finite.append(name)
        return is_same

    def _is_of_dtype(self, name: str) -> bool:
        """Numbers with a point are of the dtype that was asked for; others as the base has them."""
        source = self._source(name)
        dtype = next(self._merged.blocks(name))[1].dtype
        if dtype == self._dtype:
            return True
        return source is not None and not dtype.is_floating_point and next(self._base.blocks(source))[1].dtype == dtype


def _rows(numbers: torch.Tensor | None, rows: slice) -> Any:
    if numbers is None:
        return None
    return numbers[rows] if numbers.ndim else numbers.reshape(-1)


def _is_finite(block: torch.Tensor) -> bool:
    return not block.is_floating_point() or bool(block.float().isfinite().all())


def _same_bytes(first: torch.Tensor, second: torch.Tensor) -> bool:
    return torch.equal(first.contiguous().view(-1).view(torch.uint8), second.contiguous().view(-1).view(torch.uint8))
