"""Child program: one row as a base will see it. `python -m workers.token_reporter.preview RUN_FOLDER`.

It leaves `preview.json`. The tokens are those of `workers/encoding.py`, which training uses; none is cut, and each has
the piece of text that it stands for: put together, the pieces are the text.
"""

import json
from pathlib import Path
from typing import Any

from finetune_app.datasets.formats import TrainingRow
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from finetune_app.jobs.training_config import LossOn
from workers.child import ChildFailure, emit, run_on_folder
from workers.dataset_tasks.rows_spec import RowsSpec
from workers.token_reporter.spec import BASE_FOLDER, PREVIEW_FILE, TokenSpec
from workers.token_reporter.without_torch import hide_torch

TOKENS_KEPT = 131_072  # as long as a max length can be


def preview(run_folder: Path) -> dict[str, Any]:
    """Write the row's tokens; returns how many there are.

    Raises:
        ChildFailure: there is no such row, the base has no chat template, or its template refuses the row.
    """
    rows, order = RowsSpec.load(run_folder), TokenSpec.load(run_folder)
    number = order.row
    emit(PhaseEvent(phase=Phase.READING))
    row = next((row for row in rows.good_rows() if row.number == number), None)
    if row is None:
        raise ChildFailure(Cause.BAD_ROWS, f"There is no good row {number}.")
    from workers.encoding import load_tokenizer  # noqa: PLC0415 - takes seconds

    tokenizer = load_tokenizer(run_folder / BASE_FOLDER, rows.row_form, trust_remote_code=order.trust_remote_code)
    shown = shown_row(row, tokenizer, rows, order.loss_on)
    (run_folder / PREVIEW_FILE).write_text(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
    return {"tokens": shown["total"]}


def shown_row(row: TrainingRow, tokenizer: Any, rows: RowsSpec, loss_on: LossOn) -> dict[str, Any]:
    """The row's tokens as `[id, piece, is special, name]`, what is learned of them, and what the template did."""
    from workers.encoding import Encoder  # noqa: PLC0415 - takes seconds
    from workers.token_reporter.pieces import text_pieces  # noqa: PLC0415
    from workers.token_reporter.remarks import template_remarks  # noqa: PLC0415

    encoder = Encoder(tokenizer, rows.row_form, loss_on=loss_on)
    encoded = encoder.encode(row)
    ids = encoded.input_ids[:TOKENS_KEPT]
    special = set(tokenizer.all_special_ids) | {
        number for number, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    tokens = [
        [token, piece, int(token in special), name]
        for token, piece, name in zip(
            ids, text_pieces(encoder, encoded, tokenizer), tokenizer.convert_ids_to_tokens(ids), strict=False
        )
    ]
    return {
        "row": row.number,
        "is_text": encoder.is_text,
        "total": len(encoded.input_ids),
        "learned_from": encoded.learned_from,
        "stretches": encoded.stretches,
        "tokens": tokens,
        "remarks": [] if encoder.is_text else template_remarks(encoder, row, encoded),
    }


if __name__ == "__main__":
    hide_torch()
    run_on_folder(preview)
