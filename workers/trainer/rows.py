"""The rows to learn from as a dataset on disk, ready for the method's trainer: memory stays flat for any number."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from datasets import Dataset

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.methods import method_of
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure, log
from workers.encoding import ROWS_AT_ONCE
from workers.progress import Progress
from workers.rows import trained_rows
from workers.spec import RunSpec
from workers.trainer.arguments import resolve
from workers.trainer.examples import IDS, Example, RowKind
from workers.trainer.guards import LearnedTokens


@dataclass(frozen=True)
class TokenizedRows:
    """What an epoch consists of: `dataset` holds the examples of the method's kind, packed where it was asked."""

    dataset: Dataset
    trained_tokens: int


def row_kind(spec: RunSpec, tokenizer: Any) -> RowKind:
    """What the method of `spec` makes of rows."""
    kind: RowKind = resolve(method_of(spec.config).rows)(spec, tokenizer)
    return kind


def tokenize_rows(spec: RunSpec, tokenizer: Any, cache_folder: Path) -> TokenizedRows:
    """The training rows as tokens, cut at the max length.

    Raises:
        ChildFailure: there is nothing to learn from, some row has nothing to learn from within the max length, the chat
            template refuses a row, or there is a bad row that nobody agreed to leave out.
    """
    total = sum(1 for _ in trained_rows(spec))
    if total == 0:
        raise ChildFailure(Cause.NOTHING_TO_TRAIN, "Every row of the dataset is held out; none is left to learn from.")
    kind = row_kind(spec, tokenizer)
    learned = LearnedTokens(spec.config.max_length, leaves_out=kind.leaves_out)
    progress = Progress(Phase.PREPARING, total)
    path = cache_folder / "tokens.arrow"
    with pa.ipc.new_stream(str(path), kind.schema) as writer:
        source = trained_rows(spec)
        while rows := list(islice(source, ROWS_AT_ONCE)):
            examples = [example for example in kind.examples(rows) if learned.takes(example)]
            writer.write_batch(_columns(examples, kind.schema))
            progress.add(len(rows))
    learned.check()
    if learned.left_out:
        log(left_out_sentence(learned.left_out, total, spec.config.max_length), level="warning")
    dataset = kind.finished(Dataset.from_file(str(path)), cache_folder)
    return TokenizedRows(dataset, learned.count)


def left_out_sentence(left_out: int, total: int, max_length: int) -> str:
    """How many rows are not used because they are longer than the max length."""
    return (
        f"{left_out:,} of {total:,} rows are left out: one of their answers does not end within the max length of "
        f"{max_length:,} tokens."
    )


def _columns(examples: Sequence[Example], schema: pa.Schema) -> pa.RecordBatch:
    columns = [[example.columns[name] for example in examples] for name in schema.names]
    arrays = [
        _lists(column) if kind == IDS else pa.array(column, kind)
        for column, kind in zip(columns, schema.types, strict=True)
    ]
    return pa.record_batch(arrays, schema=schema)


def _lists(lists: list[list[int]]) -> pa.ListArray:
    offsets = np.cumsum([0, *(len(part) for part in lists)], dtype=np.int32)
    values = np.fromiter(chain.from_iterable(lists), np.int32, count=int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
