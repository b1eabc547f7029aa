"""On what base, adapter and merged model are compared: held-out rows first, then other rows, then general prompts.

Rows become tokens as they do in training and scoring. Of a row the answer's tokens are compared, each given the right
tokens before it; of plain text and of general prompts the last ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from pydantic import ValidationError

from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.jobs.methods import load_config
from workers.child import log
from workers.evaluator.encoding import ScoredRow, encode_rows
from workers.merge_prover.general_prompts import GENERAL_PROMPTS
from workers.merge_spec import MergeSpec, Rows
from workers.rows import good_rows, is_kept_out, names_splits
from workers.spec import RunSpec

# What is said after fewer tokens is not compared where nothing was asked: a model's first token holds large numbers
# that mean little. With SmolLM2 rounding moved the logits after one of them by 5: nine tenths of the mean KL.
CONTEXT_TOKENS = 4
TEXT_TOKENS = 256  # of a plain text, from its beginning
SHOWN_CHARACTERS = 200
ENOUGH = 2  # times as many rows are looked at as are wanted: some have answers that begin beyond the max length
UNKNOWN = {"held_out_share": 0.0}
Source = Literal["held_out", "rows", "general"]


@dataclass(frozen=True)
class Prompt:
    """Token ids; those from `first` on are compared. `has_answer` says whether they are an answer's."""

    source: Source
    text: str
    ids: list[int]
    first: int

    @property
    def positions(self) -> int:
        """How many tokens are compared."""
        return len(self.ids) - self.first

    @property
    def has_answer(self) -> bool:
        """Whether they are what a dataset wants to be said."""
        return self.source != "general"


def prompts_of(spec: MergeSpec, tokenizer: Any, positions: int) -> list[Prompt]:
    """Those of a merge, each with at most so many compared tokens."""
    rows = _run_spec(spec, spec.rows) if spec.rows else None
    if rows and rows.row_form is not RowForm.TEXT and not tokenizer.chat_template:
        log("Without a chat template the rows cannot be written as text; general prompts prove the merge.")
        rows = None
    return choose_prompts(rows, tokenizer, spec.options.prompts, positions)


def _run_spec(spec: MergeSpec, rows: Rows) -> RunSpec:
    """As if a run were to learn from the rows, so that they are divided and encoded as they were then.

    Where nobody knows how the adapter was trained, only rows that say so themselves count as held out.
    """
    try:
        config = load_config(rows.config or UNKNOWN)
    except ValidationError as error:
        log(f"Which rows were held out is not known: {error.errors()[0]['msg']}", level="warning")
        config = load_config(UNKNOWN)
    return RunSpec(
        job="",
        adapter_name=spec.adapter,
        base_name=spec.base,
        base_folder=spec.base_folder,
        base_digests=spec.base_digests,
        rows_file=rows.file,
        file_format=rows.file_format,
        row_form=rows.row_form,
        bad_rows=rows.bad_rows,
        config=config,
        trust_remote_code=spec.trust_remote_code,
    )


def choose_prompts(spec: RunSpec | None, tokenizer: Any, count: int, positions: int) -> list[Prompt]:
    """So many prompts, with at most so many compared tokens each.

    Args:
        spec: says where the rows are and which of them were held out; None: there are none.
        tokenizer: the one that the adapter learned with.
        count: how many prompts.
        positions: how many tokens of each are compared.
    """
    found: list[Prompt] = []
    if spec is not None:
        held_out, others = _candidates(spec, count * ENOUGH)
        found += islice(_of_rows("held_out", held_out, spec, tokenizer, positions), count)
        found += islice(_of_rows("rows", others, spec, tokenizer, positions), count - len(found))
        if len(found) < count:
            log(f"{len(found)} rows can prove the merge; general prompts fill up to {count}.")
    return found + list(islice(_general(tokenizer, positions), count - len(found)))


def _candidates(spec: RunSpec, count: int) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """The first rows that were held out, and the first others."""
    by_column = names_splits(spec)
    held_out: list[TrainingRow] = []
    others: list[TrainingRow] = []
    for row in good_rows(spec):
        rows = held_out if is_kept_out(row, spec, by_column) else others
        if len(rows) < count and row.label is not False:
            rows.append(row)
        if len(held_out) >= count:
            break
    return held_out, others


def _of_rows(
    source: Source, rows: Sequence[TrainingRow], spec: RunSpec, tokenizer: Any, positions: int
) -> Iterator[Prompt]:
    for scored in encode_rows(rows, spec, tokenizer):
        ids, first = _text(scored, positions) if spec.row_form is RowForm.TEXT else _answer(scored, positions)
        yield Prompt(source, scored.question.strip()[:SHOWN_CHARACTERS], ids, first)


def _answer(row: ScoredRow, positions: int) -> tuple[list[int], int]:
    return row.given + row.answer[:positions], len(row.given)


def _text(row: ScoredRow, positions: int) -> tuple[list[int], int]:
    ids = (row.given + row.answer)[:TEXT_TOKENS]
    return ids, max(1, min(CONTEXT_TOKENS, len(ids) - 1), len(ids) - positions)


def _general(tokenizer: Any, positions: int) -> Iterator[Prompt]:
    """Each alone, then each with another one after it: more than anybody asks for."""
    count = len(GENERAL_PROMPTS)
    for turn in range(count):
        for place, text in enumerate(GENERAL_PROMPTS):
            whole = f"{text}\n{GENERAL_PROMPTS[(place + turn) % count]}" if turn else text
            ids = tokenizer(whole, verbose=False)["input_ids"]
            if len(ids) > CONTEXT_TOKENS:
                yield Prompt("general", whole[:SHOWN_CHARACTERS], ids, max(CONTEXT_TOKENS, len(ids) - positions))
