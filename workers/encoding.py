"""The one place where a row becomes token ids and labels: training, scoring, preview and token report all call it.

Ids and labels are those that trl's SFTTrainer makes of the same row (`tests/workers/test_encoding.py` compares them),
but for the first token of a row: it never counts as learned, since nothing stands before it that could foretell it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import TemplateError
from transformers import AutoTokenizer

from adapters.base_texts import has_code, texts_in
from adapters.fingerprint import chat_template
from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.datasets.template_messages import (
    TemplateMessage,
    answer_messages,
    prompt_messages,
    template_tools,
)
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.training_config import LossOn
from workers.assistant_turns import Stretch, marked_tokens, marks_turns, tokens_of, turns_in_text
from workers.child import ChildFailure

MASKED = -100
ROWS_AT_ONCE = 256  # enough for the tokenizer's threads, little enough for memory


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One row as the model reads it, whole: what is longer than a max length is still there.

    Attributes:
        number: the row's number in its file.
        text: what was tokenized: the row after the chat template, or the plain text with its end token.
        input_ids: its tokens.
        prompt_ids: what the model answers to when it is asked; empty for plain text.
        learned_from: index of the first token that is learned; those before are masked.
        stretches: where learned tokens begin and end, when it is not all from `learned_from` on.
    """

    number: int
    text: str
    input_ids: list[int]
    prompt_ids: list[int]
    learned_from: int
    stretches: tuple[Stretch, ...] = ()

    def learned_within(self, max_length: int) -> list[Stretch]:
        """Where the learned ones of the first `max_length` tokens begin and end."""
        kept = min(len(self.input_ids), max_length)
        whole = self.stretches or ((self.learned_from, kept),)
        return [(start, min(end, kept)) for start, end in whole if start < kept]

    def labels(self, max_length: int) -> list[int]:
        """The label of each of the first `max_length` tokens: its id, or `MASKED`."""
        labels = [MASKED] * min(len(self.input_ids), max_length)
        for start, end in self.learned_within(max_length):
            labels[start:end] = self.input_ids[start:end]
        return labels

    def trained_tokens(self, max_length: int) -> int:
        """How many of the first `max_length` tokens are learned."""
        return sum(end - start for start, end in self.learned_within(max_length))


def load_tokenizer(base_folder: Path, row_form: RowForm, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a base; the folder needs no weights.

    Args:
        base_folder: its files.
        row_form: what is to be written with it.
        trust_remote_code: whether the base's own Python may run.

    Raises:
        ChildFailure: TEMPLATE_MISSING, when rows of this form cannot be written without a chat template;
            CODE_NOT_ALLOWED, when it is built by the base's own Python.
    """
    if row_form is not RowForm.TEXT and not chat_template(base_folder):
        raise ChildFailure(Cause.TEMPLATE_MISSING)
    try:
        return AutoTokenizer.from_pretrained(base_folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except ValueError as error:
        if not trust_remote_code and has_code(texts_in(base_folder)):
            raise ChildFailure(Cause.CODE_NOT_ALLOWED) from error
        raise


class Encoder:
    """Makes tokens of rows of one form, the same for every row wherever it is called."""

    def __init__(self, tokenizer: Any, row_form: RowForm, *, loss_on: LossOn = "completion") -> None:
        self._tokenizer = tokenizer
        self.is_text = row_form is RowForm.TEXT
        self._answers_only = loss_on == "completion" and not self.is_text
        self._turns_only = loss_on == "assistant" and not self.is_text

    def encode(self, row: TrainingRow) -> EncodedRow:
        """One row.

        Raises:
            ChildFailure: BAD_ROWS, when the chat template refuses the row.
        """
        return self.encode_all([row])[0]

    def encode_each(self, rows: Iterable[TrainingRow]) -> Iterator[list[EncodedRow]]:
        """Any number of rows, in order and in batches.

        Raises:
            ChildFailure: BAD_ROWS, when the chat template refuses a row.
        """
        source = iter(rows)
        while batch := list(islice(source, ROWS_AT_ONCE)):
            yield self.encode_all(batch)

    def encode_all(self, rows: Sequence[TrainingRow]) -> list[EncodedRow]:
        """A batch of rows.

        Raises:
            ChildFailure: BAD_ROWS, when the chat template refuses a row.
        """
        if not rows:
            return []
        return self._encode_texts(rows) if self.is_text else self._encode_chats(rows)

    def pieces(self, row: EncodedRow) -> list[tuple[int, int]] | None:
        """Where each token's text begins and ends in `row.text`; None for a tokenizer that does not tell."""
        if not self._tokenizer.is_fast:
            return None
        found = self._call(row.text, return_offsets_mapping=True)
        return [(start, end) for start, end in found["offset_mapping"]]

    def render(self, row: TrainingRow, messages: Sequence[TemplateMessage], *, asks: bool = False) -> str:
        """Messages of the row, with its tools, after the chat template; `asks` for the model's answer at the end.

        Raises:
            ChildFailure: BAD_ROWS, when the template refuses them.
        """
        if not messages:
            return self._opening(row) if asks else ""
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    list(messages), tools=template_tools(row), tokenize=False, add_generation_prompt=asks
                )
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise ChildFailure(
                Cause.BAD_ROWS, f"Row {row.number}: the base's chat template refused it: {error}"
            ) from error

    def _opening(self, row: TrainingRow) -> str:
        """What asks for an answer where nothing stands before it: templates write no conversation without messages."""
        probe: list[TemplateMessage] = [{"role": "user", "content": "?"}]
        given, asked = self.render(row, probe), self.render(row, probe, asks=True)
        return asked.removeprefix(given) if asked.startswith(given) else ""

    def _encode_chats(self, rows: Sequence[TrainingRow]) -> list[EncodedRow]:
        prompts, wholes = [], []
        for row in rows:
            messages = prompt_messages(row)
            prompts.append(self.render(row, messages, asks=True))
            wholes.append(self.render(row, [*messages, *answer_messages(row)]))
        ids = self._tokens(prompts + wholes)
        if self._turns_only:
            pairs = zip(rows, wholes, ids[: len(rows)], ids[len(rows) :], strict=True)
            return [self._with_turns(row, whole, prompt_ids, whole_ids) for row, whole, prompt_ids, whole_ids in pairs]
        return [
            EncodedRow(
                number=row.number,
                text=whole,
                input_ids=whole_ids,
                prompt_ids=prompt_ids,
                # The answer starts where both renderings part, which is not always after the prompt.
                learned_from=max(1, _common_length(prompt_ids, whole_ids)) if self._answers_only else 1,
            )
            for row, whole, prompt_ids, whole_ids in zip(rows, wholes, ids[: len(rows)], ids[len(rows) :], strict=True)
        ]

    def _with_turns(self, row: TrainingRow, whole: str, prompt_ids: list[int], ids: list[int]) -> EncodedRow:
        """Learned is what the assistant says, in each of its turns."""
        messages = [*prompt_messages(row), *answer_messages(row)]
        if marks_turns(self._tokenizer.chat_template):
            stretches = marked_tokens(self._generation_mask(row, messages))
        else:
            stretches = tokens_of(
                turns_in_text(row.number, messages, whole, lambda some, asks: self.render(row, some, asks=asks)),
                self._call(whole, return_offsets_mapping=True)["offset_mapping"],
            )
        return EncodedRow(
            number=row.number,
            text=whole,
            input_ids=ids,
            prompt_ids=prompt_ids,
            learned_from=stretches[0][0] if stretches else len(ids),
            stretches=stretches,
        )

    def _generation_mask(self, row: TrainingRow, messages: list[TemplateMessage]) -> list[int]:
        found = self._tokenizer.apply_chat_template(
            messages, tools=template_tools(row), tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        mask: list[int] = found["assistant_masks"]
        return mask

    def _encode_texts(self, rows: Sequence[TrainingRow]) -> list[EncodedRow]:
        end = self._tokenizer.eos_token
        texts = [row.text if row.text.endswith(end) else row.text + end for row in rows]
        return [
            EncodedRow(number=row.number, text=text, input_ids=ids, prompt_ids=[], learned_from=1)
            for row, text, ids in zip(rows, texts, self._tokens(texts), strict=True)
        ]

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        """A chat template writes the special tokens itself; plain text gets those that the tokenizer adds."""
        return list(self._call(texts, return_attention_mask=False)["input_ids"])

    def _call(self, texts: Any, **options: Any) -> Any:
        """Not verbose: it would warn of rows that are longer than the model takes, and those are cut later."""
        return self._tokenizer(texts, add_special_tokens=self.is_text, verbose=False, **options)


def encode_pairs(encoder: Encoder, rows: Sequence[TrainingRow]) -> list[tuple[EncodedRow, EncodedRow]]:
    """Each row with its chosen and with its rejected answer.

    Raises:
        ChildFailure: BAD_ROWS, when the chat template refuses a row.
    """
    others = [msgspec.structs.replace(row, completion=row.rejected, answer_calls=()) for row in rows]
    return list(zip(encoder.encode_all(rows), encoder.encode_all(others), strict=True))


def _common_length(ids: list[int], others: list[int]) -> int:
    if others[: len(ids)] == ids:
        return len(ids)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ids, others, strict=False)))
