"""The rows to learn from as tokens on disk, ready for the trainer: memory stays flat for any number of rows."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from datasets import Dataset
from trl.data_utils import pack_dataset

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure
from workers.encoding import EncodedRow, Encoder
from workers.progress import Progress
from workers.rows import trained_rows
from workers.spec import RunSpec
from workers.trainer.guards import LearnedTokens

IDS = pa.list_(pa.int32())
SCHEMA = pa.schema({"input_ids": IDS, "labels": IDS})


@dataclass(frozen=True)
class TokenizedRows:
    """What an epoch consists of: `dataset` holds sequences of `input_ids` and `labels`, packed where it was asked."""

    dataset: Dataset
    trained_tokens: int


def tokenize_rows(spec: RunSpec, tokenizer: Any, cache_folder: Path) -> TokenizedRows:
    """The training rows as tokens, cut at the max length.

    Raises:
        ChildFailure: there is nothing to learn from, some row has nothing to learn from within the max length, the chat
            template refuses a row, or there is a bad row that nobody agreed to leave out.
    """
    total = sum(1 for _ in trained_rows(spec))
    if total == 0:
        raise ChildFailure(Cause.NOTHING_TO_TRAIN, "Every row of the dataset is held out; none is left to learn from.")
    config = spec.config
    encoder = Encoder(tokenizer, spec.row_form, loss_on=config.loss_on)
    learned = LearnedTokens(config.max_length)
    progress = Progress(Phase.PREPARING, total)
    path = cache_folder / "tokens.arrow"
    with pa.ipc.new_stream(str(path), SCHEMA) as writer:
        for batch in encoder.encode_each(trained_rows(spec)):
            for row in batch:
                learned.add(row)
            writer.write_batch(_columns(batch, config.max_length))
            progress.add(len(batch))
    learned.check()
    dataset = Dataset.from_file(str(path))
    if config.packs:
        # Whole rows only: each stays one piece, and none sees another.
        dataset = pack_dataset(
            dataset, config.max_length, "bfd", {"cache_file_name": str(cache_folder / "packed.arrow")}
        )
    return TokenizedRows(dataset, learned.count)


def _columns(batch: list[EncodedRow], max_length: int) -> pa.RecordBatch:
    ids = [row.input_ids[:max_length] for row in batch]
    labels = [row.labels(max_length) for row in batch]
    return pa.record_batch([_lists(ids), _lists(labels)], schema=SCHEMA)


def _lists(lists: list[list[int]]) -> pa.ListArray:
    offsets = np.cumsum([0, *(len(part) for part in lists)], dtype=np.int32)
    values = np.fromiter(chain.from_iterable(lists), np.int32, count=int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
