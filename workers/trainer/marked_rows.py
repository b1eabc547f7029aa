"""Rows of answers that are marked as good or bad, as trl's KTOTrainer takes them."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa  # type: ignore[import-untyped]

from finetune_app.datasets.formats import TrainingRow
from workers.encoding import Encoder
from workers.spec import RunSpec
from workers.trainer.examples import IDS, Example, RowKind


class MarkedRows(RowKind):
    """The prompt, what follows it, and the mark; what is longer than the max length is cut off at the end."""

    schema: ClassVar[pa.Schema] = pa.schema({"prompt_ids": IDS, "completion_ids": IDS, "label": pa.bool_()})

    def __init__(self, spec: RunSpec, tokenizer: Any) -> None:
        """For the rows, the config and the base of `spec`."""
        super().__init__(spec, tokenizer)
        self._encoder = Encoder(tokenizer, spec.row_form)

    def examples(self, rows: Sequence[TrainingRow]) -> list[Example]:
        """One marked answer for each row."""
        length = self.spec.config.max_length
        return [
            Example(
                number=row.number,
                columns={
                    "prompt_ids": row.input_ids[: row.learned_from],
                    # The KL term pairs it with another prompt, which may leave it more room.
                    "completion_ids": row.input_ids[row.learned_from : row.learned_from + length],
                    "label": bool(source.label),
                },
                tokens=len(row.input_ids),
                learned_from=row.learned_from,
                learned=row.trained_tokens(length),
            )
            for source, row in zip(rows, self._encoder.encode_all(rows), strict=True)
        ]
