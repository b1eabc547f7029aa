"""What is written for each planned tensor: in which dtype, into which file, and what is said of it afterwards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.adapter_folder_names import WEIGHTS as ADAPTER_WEIGHTS
from adapters.weight_files import WEIGHTS
from finetune_app.merges.states import WeightsDtype
from workers.merge_spec import TensorFacts
from workers.merger.planned import Planned
from workers.merger.reading import FLOATS, STORED_DTYPES
from workers.merger.shards import Entry, Shard, follow, split

WANTED = {WeightsDtype.BFLOAT16: "BF16", WeightsDtype.FLOAT16: "F16", WeightsDtype.FLOAT32: "F32"}


@dataclass(frozen=True)
class Outgoing:
    """One tensor of the merged model; `dtype` in safetensors' spelling, `takes_round_trip`: through nf4 first."""

    planned: Planned
    dtype: str
    takes_round_trip: bool

    @property
    def entry(self) -> Entry:
        """What the file's header says of it."""
        return Entry(self.planned.name, self.dtype, self.planned.shape)

    @property
    def rows(self) -> int:
        """How many it has, of the first dimension; a single number is a row."""
        return self.planned.shape[0] if self.planned.shape else 1

    @property
    def row_values(self) -> int:
        """Numbers in a row."""
        return math.prod(self.planned.shape[1:])

    @property
    def is_copied(self) -> bool:
        """Whether its bytes are those of the base."""
        return self.change == "copied"

    @property
    def by_rows(self) -> bool:
        """Whether it can be made in blocks; the scales of nf4 are known for a whole tensor only."""
        return not self.takes_round_trip and (self.planned.change is None or self.planned.change.by_rows)

    @property
    def change(self) -> Literal["copied", "cast", "added", "replaced", "new"]:
        """What is done to it, in one word."""
        planned = self.planned
        if planned.value is not None:
            return "replaced" if planned.source else "new"
        if planned.change:
            return "added"
        is_same = planned.source is not None and planned.source.dtype == self.dtype
        return "copied" if is_same and not self.takes_round_trip else "cast"

    @property
    def facts(self) -> TensorFacts:
        """For `merge.json`."""
        return TensorFacts(name=self.planned.name, change=self.change, round_tripped=self.takes_round_trip)


def outgoing_of(planned: Planned, dtype: WeightsDtype, *, round_trips: bool) -> Outgoing:
    """What is written for it; whole numbers and truth values keep their dtype.

    Raises:
        ValueError: it has neither source nor value.
    """
    if planned.value is not None:
        stored = STORED_DTYPES[planned.value.dtype]
    elif planned.source is not None:
        stored = planned.source.dtype
    else:
        raise ValueError(f"{planned.name} is made of nothing")
    takes_round_trip = round_trips and planned.is_round_tripped and planned.value is None
    return Outgoing(planned, WANTED[dtype] if stored in FLOATS else stored, takes_round_trip)


def lay_out(tensors: Sequence[Outgoing]) -> list[Shard]:
    """The base's own files as long as no tensor changes its dtype, else new ones.

    A tensor that the base does not have goes with the one before it.
    """
    sources = [tensor.planned.source for tensor in tensors]
    if any(source and source.dtype != tensor.dtype for source, tensor in zip(sources, tensors, strict=True)):
        return split([tensor.entry for tensor in tensors])
    # What the adapter's own copy is added to counts as new.
    files = [source.path.name if source and source.path.name != ADAPTER_WEIGHTS else "" for source in sources]
    file = next((name for name in files if name), WEIGHTS)
    beside: list[tuple[str, Entry]] = []
    for name, tensor in zip(files, tensors, strict=True):
        file = name or file
        beside.append((file, tensor.entry))
    return follow(beside)
