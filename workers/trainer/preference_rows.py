"""Rows of preferences: one prompt with a chosen and a rejected answer, as trl's trainers take them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import pyarrow as pa  # type: ignore[import-untyped]

from finetune_app.datasets.formats import TrainingRow
from workers.encoding import EncodedRow, Encoder, encode_pairs
from workers.spec import RunSpec
from workers.trainer.examples import IDS, Example, RowKind


class _Pairs(RowKind):
    def __init__(self, spec: RunSpec, tokenizer: Any) -> None:
        super().__init__(spec, tokenizer)
        self._encoder = Encoder(tokenizer, spec.row_form)

    def examples(self, rows: Sequence[TrainingRow]) -> list[Example]:
        """One pair for each row."""
        length = self.spec.config.max_length
        return [self._example(chosen, rejected, length) for chosen, rejected in encode_pairs(self._encoder, rows)]

    @abstractmethod
    def _example(self, chosen: EncodedRow, rejected: EncodedRow, max_length: int) -> Example:
        """One pair; both are whole."""


class PromptPairs(_Pairs):
    """The prompt, and what follows it in each answer; what is longer than the max length is cut off at the end."""

    schema: ClassVar[pa.Schema] = pa.schema({"prompt_ids": IDS, "chosen_ids": IDS, "rejected_ids": IDS})

    def _example(self, chosen: EncodedRow, rejected: EncodedRow, max_length: int) -> Example:
        start = min(chosen.learned_from, rejected.learned_from)  # where either parts from the prompt
        answers = [chosen.input_ids[start:max_length], rejected.input_ids[start:max_length]]
        return Example(
            number=chosen.number,
            columns={"prompt_ids": chosen.input_ids[:start], "chosen_ids": answers[0], "rejected_ids": answers[1]},
            tokens=min(len(chosen.input_ids), len(rejected.input_ids)),
            learned_from=start,
            learned=sum(map(len, answers)) if all(answers) else 0,
        )


class WholePairs(_Pairs):
    """Both conversations whole: the score of an answer that is cut off would be that of another one.

    As trl does, a pair of which one is longer than the max length is left out.
    """

    schema: ClassVar[pa.Schema] = pa.schema({"chosen_ids": IDS, "rejected_ids": IDS})
    leaves_out: ClassVar[bool] = True

    def _example(self, chosen: EncodedRow, rejected: EncodedRow, max_length: int) -> Example:
        longest = max(len(chosen.input_ids), len(rejected.input_ids))
        both = len(chosen.input_ids) + len(rejected.input_ids)
        return Example(
            number=chosen.number,
            columns={"chosen_ids": chosen.input_ids, "rejected_ids": rejected.input_ids},
            tokens=longest,
            learned_from=longest - 1,
            learned=both if longest <= max_length else 0,
        )
