"""Merges of tensors by hand: planned without a model, written by the real engine."""

from pathlib import Path

import torch

from adapters.weight_files import StoredTensor, read_tensors, weight_files
from finetune_app.merges.states import WeightsDtype
from tests.tiny import Tensors, write_safetensors
from workers.merger.outgoing import outgoing_of
from workers.merger.planned import Planned
from workers.merger.reading import STORED_DTYPES, bytes_of
from workers.merger.write import Merging, Weights

CPU = torch.device("cpu")


class Plus:
    """W + v, told apart by rows; remembers the rows of the blocks that it was given."""

    def __init__(self, value: torch.Tensor, *, by_rows: bool = True) -> None:
        self.value = value
        self.by_rows = by_rows
        self.seen: list[tuple[int, int]] = []

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        assert block.dtype == torch.float32
        self.seen.append((start, start + len(block)))
        return block.add_(self.value[start : start + len(block)])


def made_base(
    folder: Path, tensors: dict[str, torch.Tensor], file: str = "model.safetensors"
) -> dict[str, StoredTensor]:
    """A file with these tensors in `folder`."""
    folder.mkdir(exist_ok=True)
    stored: Tensors = {
        name: (STORED_DTYPES[tensor.dtype], tuple(tensor.shape), bytes(bytes_of(tensor)))
        for name, tensor in tensors.items()
    }
    write_safetensors(folder / file, stored)
    return {tensor.name: tensor for tensor in read_tensors([folder / file])}


def written(
    target: Path, planned: list[Planned], dtype: WeightsDtype = WeightsDtype.BFLOAT16, *, round_trip=None, threads=None
) -> dict[str, StoredTensor]:
    """Write them into `target`; where each lies then."""
    target.mkdir()
    weights = Weights.of(outgoing_of(one, dtype, round_trips=round_trip is not None) for one in planned)
    told: list[int] = []
    Merging(weights, target, CPU, round_trip=round_trip, threads=threads).run(told.append)
    assert told[-1] == weights.tensor_bytes
    return {tensor.name: tensor for tensor in read_tensors(weight_files(target))}


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of each file."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
