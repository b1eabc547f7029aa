"""What a row becomes for a trainer, whatever the method: columns of a dataset, and what is learned of it.

A method names its `RowKind` (`finetune_app/jobs/methods/`); rows to learn from and held-out rows go through the same
one.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa  # type: ignore[import-untyped]
from datasets import Dataset

from finetune_app.datasets.formats import TrainingRow
from workers.spec import RunSpec

IDS = pa.list_(pa.int32())


@dataclass(frozen=True, slots=True)
class Example:
    """One row, cut at the max length.

    Attributes:
        number: the row's number in its file.
        columns: its part of the dataset.
        tokens: how many it has before it is cut.
        learned_from: index of the first token that is learned.
        learned: how many tokens are learned within the max length; none is left of a row that cannot be used.
    """

    number: int
    columns: dict[str, Any]
    tokens: int
    learned_from: int
    learned: int


class RowKind(ABC):
    """Makes examples of rows.

    Attributes:
        schema: the dataset's columns.
        leaves_out: whether a row of which nothing can be learned is left out and counted, not refused.
        has_labels: whether an example is a sequence of tokens with labels, `input_ids` and `labels`.
    """

    schema: ClassVar[pa.Schema]
    leaves_out: ClassVar[bool] = False
    has_labels: ClassVar[bool] = False

    def __init__(self, spec: RunSpec, tokenizer: Any) -> None:
        """For the rows, the config and the base of `spec`."""
        self.spec, self.tokenizer = spec, tokenizer

    @abstractmethod
    def examples(self, rows: Sequence[TrainingRow]) -> list[Example]:
        """One example for each row.

        Raises:
            ChildFailure: BAD_ROWS, when the chat template refuses a row.
        """

    def finished(self, dataset: Dataset, folder: Path) -> Dataset:  # noqa: ARG002 - for those that make files
        """The dataset of all examples as the trainer takes it; `folder` is for files that go away with the run."""
        return dataset
