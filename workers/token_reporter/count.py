"""Child program: how many tokens each row has for a base. `python -m workers.token_reporter.count RUN_FOLDER`.

It leaves `lengths.npy`, one `LENGTHS` record for each good row in order. No length is cut, so whatever max length is
asked for later is answered from the same file.
"""

import os
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from finetune_app.datasets.formats import Split
from finetune_app.datasets.token_report import LENGTHS
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure, run_on_folder
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.progress import Progress
from workers.token_reporter.spec import BASE_FOLDER, LENGTHS_FILE, TokenSpec
from workers.token_reporter.without_torch import hide_torch


def count(run_folder: Path) -> dict[str, Any]:
    """Write the lengths of all good rows; returns how many there are and how long it took.

    Raises:
        ChildFailure: the base has no chat template, or its template refuses a row.
    """
    start = time.monotonic()
    rows, order = RowsSpec.load(run_folder), TokenSpec.load(run_folder)
    total = order.rows
    progress = Progress(Phase.READING, total)
    progress.reach(0)
    from workers.encoding import ROWS_AT_ONCE, Encoder, load_tokenizer  # noqa: PLC0415 - takes seconds

    tokenizer = load_tokenizer(run_folder / BASE_FOLDER, rows.row_form, trust_remote_code=order.trust_remote_code)
    encoder = Encoder(tokenizer, rows.row_form)
    lengths = np.zeros(total + 1, LENGTHS)  # room for a row too many, which is told below
    done = 0
    source = rows.good_rows()
    while batch := list(islice(source, min(ROWS_AT_ONCE, total - done + 1))):
        lengths[done : done + len(batch)] = [
            (encoded.number, len(encoded.input_ids), encoded.learned_from, row.split is Split.HELD_OUT)
            for row, encoded in zip(batch, encoder.encode_all(batch), strict=True)
        ]
        done += len(batch)
        progress.reach(done)
    if done != total:
        raise ChildFailure(Cause.BAD_ROWS, f"The file has {done:,} good rows, but {total:,} are known of.")
    np.save(run_folder / LENGTHS_FILE, lengths[:total], allow_pickle=False)
    return {"rows": done, "seconds": round(time.monotonic() - start, 1)}


if __name__ == "__main__":
    hide_torch()
    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # nothing else computes here, and nothing forks
    run_on_folder(count)
