"""Rows as sequences of tokens with their labels: what supervised fine-tuning learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa  # type: ignore[import-untyped]
from datasets import Dataset
from trl.data_utils import pack_dataset

from finetune_app.datasets.formats import TrainingRow
from workers.encoding import Encoder
from workers.spec import RunSpec
from workers.trainer.examples import IDS, Example, RowKind


class TokenRows(RowKind):
    """Labelled as the config's `loss_on` says, and packed where that is asked."""

    schema: ClassVar[pa.Schema] = pa.schema({"input_ids": IDS, "labels": IDS})
    has_labels: ClassVar[bool] = True

    def __init__(self, spec: RunSpec, tokenizer: Any) -> None:
        """For the rows, the config and the base of `spec`."""
        super().__init__(spec, tokenizer)
        self._encoder = Encoder(tokenizer, spec.row_form, loss_on=spec.config.loss_on)

    def examples(self, rows: Sequence[TrainingRow]) -> list[Example]:
        """One sequence for each row."""
        length = self.spec.config.max_length
        return [
            Example(
                number=row.number,
                columns={"input_ids": row.input_ids[:length], "labels": row.labels(length)},
                tokens=len(row.input_ids),
                learned_from=row.learned_from,
                learned=row.trained_tokens(length),
            )
            for row in self._encoder.encode_all(rows)
        ]

    def finished(self, dataset: Dataset, folder: Path) -> Dataset:
        """Packed in whole rows only: each stays one piece, and none sees another."""
        config = self.spec.config
        if not config.packs:
            return dataset
        return pack_dataset(dataset, config.max_length, "bfd", {"cache_file_name": str(folder / "packed.arrow")})
