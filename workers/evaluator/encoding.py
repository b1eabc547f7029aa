"""Held-out rows as tokens, split into what the model is given and what it should answer; encoded as in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune_app.datasets.formats import RowForm, TrainingRow
from workers.encoding import EncodedRow, Encoder, encode_pairs
from workers.spec import RunSpec


@dataclass(frozen=True)
class ScoredRow:
    """One row: `prompt` is what the model answers to, `given` + `answer` what its loss is measured on (token ids).

    In a row of preferences `answer` is the chosen one, and `rejected` would follow `given` as well.
    """

    question: str
    expected: str
    prompt: list[int]
    given: list[int]
    answer: list[int]
    rejected: list[int] | None = None


def encode_rows(rows: Sequence[TrainingRow], spec: RunSpec, tokenizer: Any) -> list[ScoredRow]:
    """The rows whose answer begins within the max length; as in training, what is longer is cut off at the end.

    The score is that of the answer, whatever else was learned from, so `completion_only_loss` is not asked.
    """
    encoder = Encoder(tokenizer, spec.row_form)
    length = spec.config.max_length
    if spec.row_form is RowForm.PREFERENCE:
        pairs = encode_pairs(encoder, list(rows))
        scored = (_scored(row, length, chosen, rejected) for row, (chosen, rejected) in zip(rows, pairs, strict=True))
    else:
        scored = (_scored(row, length, encoder.encode(row)) for row in rows)
    return [row for row in scored if row.answer and row.rejected != []]


def stop_tokens(tokenizer: Any, model: Any, rows: Sequence[ScoredRow]) -> list[int]:
    """What ends an answer: the end tokens of tokenizer and model, and the special token that the template adds."""
    own = model.generation_config.eos_token_id
    stops = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
    special = set(tokenizer.all_special_ids)
    for row in rows[:1]:
        content = len(tokenizer(row.expected, add_special_tokens=False)["input_ids"])
        stops.update(token for token in row.answer[content : content + 1] if token in special)
    return sorted(token for token in stops if token is not None)


def _scored(row: TrainingRow, max_length: int, encoded: EncodedRow, rejected: EncodedRow | None = None) -> ScoredRow:
    questions = [message.content for message in row.prompt if message.role == "user"]
    last = row.prompt[-1].content if row.prompt else ""
    start = min(encoded.learned_from, rejected.learned_from) if rejected else encoded.learned_from
    return ScoredRow(
        question=row.text or (questions[-1] if questions else last),
        expected=row.completion,
        prompt=encoded.prompt_ids,
        given=encoded.input_ids[:start],
        answer=encoded.input_ids[start:max_length],
        rejected=rejected.input_ids[start:max_length] if rejected else None,
    )
