"""Whether a dataset version's rows can be learned from on a base: found out before anything is started."""

import hashlib

from adapters.models import BaseRevision
from finetune_app.datasets.formats import RowForm, TrainingRow, is_held_out
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.find_lengths import find_lengths
from finetune_app.datasets.token_report import count_cut_rows, cut_rows
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.training_config import TrainingConfig
from finetune_app.storage import blobs

NO_TEMPLATE = hashlib.sha256(b"").hexdigest()  # the chat template digest of a base that has none


def require_form(version: DatasetVersion) -> None:
    """Rows of preferences are nothing that supervised fine-tuning learns from.

    Raises:
        UserError: `form_not_trainable`, beside `dataset`.
    """
    if not version.is_trainable:
        raise UserError(
            "form_not_trainable",
            f"The rows of {version} are preferences (“{version.row_form}”); supervised fine-tuning needs "
            "conversations, instructions, prompts with completions, or plain text. Choose another dataset.",
            field="dataset",
        )


def require_template(version: DatasetVersion, base: BaseRevision) -> None:
    """Rows with a question and an answer need a chat template.

    Raises:
        UserError: `template_missing`, beside `base_model`.
    """
    if version.row_form != RowForm.TEXT and base.chat_template_digest == NO_TEMPLATE:
        raise UserError(
            Cause.TEMPLATE_MISSING.value,
            f"{base} has no chat template, so the rows of {version} cannot be written as text for it. "
            "Choose a base with one, or rows of plain text.",
            field="base_model",
        )


def require_answers(version: DatasetVersion, base: BaseRevision, config: TrainingConfig) -> None:
    """Each row to learn from must have a token to learn from, as far as the rows' tokens are counted already.

    The trainer looks again before its first step; packing is no way out, since it cuts long rows too.

    Raises:
        UserError: `answers_cut`, beside `config.max_length`.
    """
    try:
        lengths = find_lengths(version, base.pk)
    except (blobs.BlobMissing, blobs.BlobDamaged):
        return
    if lengths is None:
        return
    by_column = bool(version.train_rows or version.held_out_rows)
    if by_column:
        lengths = lengths[~lengths["held_out"]]
    found = cut_rows(lengths, config.max_length, answers_only=config.loss_on == "completion")
    trained = (row for row in found if by_column or not _is_drawn(row[0], config))
    cut = count_cut_rows(trained)
    if cut.count:
        raise UserError(Cause.ANSWERS_CUT.value, cut.sentence(config.max_length), field="config.max_length")


def _is_drawn(number: int, config: TrainingConfig) -> bool:
    row = TrainingRow(number=number, prompt=[], completion="", text="", split=None)
    return is_held_out(row, share=config.held_out_share, seed=config.seed, by_column=False)
