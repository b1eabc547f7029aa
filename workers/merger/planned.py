"""What the merge makes of each tensor: `plan*.py` says it, `write*.py` carries it out in blocks of rows."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from adapters.weight_files import StoredTensor


class Change(Protocol):
    """What an adapter adds to one tensor of the base's files.

    `by_rows` says whether a block of rows (of the first dimension) can be formed without the others; where it cannot,
    the block is the whole tensor.
    """

    by_rows: bool

    def apply(self, block: torch.Tensor, start: int) -> torch.Tensor:
        """The merged rows.

        Args:
            block: the base's rows from `start` on, in float32, on the device that computes.
            start: the first row.

        Returns:
            The same rows merged, in float32, of the same shape; `block` may be changed in place.
        """


@dataclass(frozen=True)
class Planned:
    """One tensor of the merged model, in the order and the shard in which it will be written.

    Attributes:
        name: in the merged model's files.
        shape: of what is written; it may have more rows than `source` (resized vocabulary) where `value` is given.
        source: the base's tensor; None for one that the base's files do not have.
        change: what is added; None: copied, or cast when its dtype is another.
        value: what it becomes, whatever the base has; on the CPU.
        is_round_tripped: whether the training quantized this layer, so that it goes through nf4 first when asked for.
        is_turned: whether bitsandbytes turned the layer before it quantized it (transformers' Conv1D, stored the other
            way round), so that the way through nf4 is that of the transposed tensor.
    """

    name: str
    shape: tuple[int, ...]
    source: StoredTensor | None = None
    change: Change | None = None
    value: torch.Tensor | None = None
    is_round_tripped: bool = False
    is_turned: bool = False


@dataclass(frozen=True)
class MergePlan:
    """The whole merge: its tensors, what becomes of the config, and how many tensors of the adapter found their place.

    `config` are the keys of config.json that differ from the base's (`vocab_size`, `tie_word_embeddings`).
    """

    tensors: list[Planned]
    adapter_tensors: int
    used: int
    config: dict[str, Any] = field(default_factory=dict)
