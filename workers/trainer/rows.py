"""The rows to learn from as a dataset on disk: written row by row, so that memory stays flat for any number of rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value

from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.datasets.template_messages import answer_messages, prompt_messages
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.rows import trained_rows
from workers.spec import RunSpec

MESSAGES = [{"role": Value("string"), "content": Value("string")}]
CHAT_FEATURES = Features({"prompt": MESSAGES, "completion": MESSAGES})
TEXT_FEATURES = Features({"text": Value("string")})


def training_dataset(spec: RunSpec, cache_folder: Path) -> Dataset:
    """The training rows in trl's own shape: `text`, or `prompt` and `completion` as messages.

    Raises:
        ChildFailure: there is no row to learn from, or a bad one that nobody agreed to leave out.
    """
    is_text = spec.row_form is RowForm.TEXT
    if next(trained_rows(spec), None) is None:
        raise ChildFailure(Cause.NOTHING_TO_TRAIN, "Every row of the dataset is held out; none is left to learn from.")

    def rows() -> Iterator[dict[str, Any]]:
        return ({"text": row.text} if is_text else as_prompt_and_completion(row) for row in trained_rows(spec))

    return Dataset.from_generator(
        rows,
        features=TEXT_FEATURES if is_text else CHAT_FEATURES,
        cache_dir=str(cache_folder),
        fingerprint="rows",  # the folder is this run's own; hashing the generator would pickle the spec
    )


def as_prompt_and_completion(row: TrainingRow) -> dict[str, list[dict[str, str]]]:
    """A chat-like row as trl takes it."""
    return {
        "prompt": prompt_messages(row),
        "completion": answer_messages(row),
    }
