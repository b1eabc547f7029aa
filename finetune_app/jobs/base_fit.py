"""Whether a dataset version's rows can be learned from on a base: found out before anything is started."""

import hashlib

from adapters.models import BaseRevision
from finetune_app.datasets.formats import RowForm, TrainingRow, is_held_out
from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.find_lengths import find_lengths
from finetune_app.datasets.token_report import count_cut_rows, cut_rows
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.methods import METHODS, method_of
from finetune_app.jobs.training_config import TrainingConfig
from finetune_app.storage import blobs

NO_TEMPLATE = hashlib.sha256(b"").hexdigest()  # the chat template digest of a base that has none


def require_form(version: DatasetVersion, config: TrainingConfig) -> None:
    """The rows must be of a form that the config's method learns from.

    Raises:
        UserError: `form_not_trainable`, beside `dataset`; it names the methods and the forms that would do.
    """
    method, form = method_of(config), RowForm(version.row_form)
    if form in method.forms:
        return
    others = [other.title for other in METHODS.values() if form in other.forms]
    instead = f"Choose {_either(others)}, or a dataset" if others else "Choose a dataset"
    raise UserError(
        "form_not_trainable",
        f"“{method.title}” does not learn from rows of the form “{form}”, as those of {version} are. {instead} of the "
        f"form {_either([wanted.value for wanted in RowForm if wanted in method.forms])}.",
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
    if config.loss_on == "assistant" or method_of(config).task_type != "CAUSAL_LM":
        return  # an earlier turn may be what is learned, and rows for a score are used whole or not at all
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


def _either(names: list[str]) -> str:
    quoted = [f"“{name}”" for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def _is_drawn(number: int, config: TrainingConfig) -> bool:
    row = TrainingRow(number=number, prompt=[], completion="", text="", split=None)
    return is_held_out(row, share=config.held_out_share, seed=config.seed, by_column=False)
