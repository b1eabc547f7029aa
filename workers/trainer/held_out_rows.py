"""The held-out rows as the trainer takes them, and as the prompts whose answers people watch."""

from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from finetune_app.datasets.formats import RowForm, TrainingRow
from finetune_app.jobs.methods import method_of
from workers.child import log
from workers.evaluator.encoding import ScoredRow, encode_rows
from workers.rows import scored_rows
from workers.spec import RunSpec
from workers.trainer.rows import row_kind


@dataclass(frozen=True)
class HeldOutRows:
    """What is looked at: sequences of tokens with labels, or what else the trainer evaluates on; and what is asked.

    Attributes:
        features: `input_ids` and `labels` of each row, longest first; empty for methods that learn from nothing such.
        dataset: for those methods, the rows as their trainer takes them.
        asked: the fixed prompts whose answers people watch.
    """

    features: list[dict[str, Any]]
    dataset: Dataset | None
    asked: list[ScoredRow]

    @property
    def count(self) -> int:
        """How many rows are looked at."""
        return len(self.features) if self.dataset is None else len(self.dataset)


def tokenize_held_out(spec: RunSpec, tokenizer: Any) -> HeldOutRows:
    """The held-out rows as training would take them, cut at the max length.

    A row of which nothing would be learned is not looked at, and said to be so.

    Raises:
        ChildFailure: the chat template refuses a row.
    """
    rows = scored_rows(spec)
    kind = row_kind(spec, tokenizer)
    examples = [example for example in kind.examples(rows) if example.learned] if rows else []
    if len(examples) < len(rows):
        log(
            f"{len(rows) - len(examples)} held-out rows have nothing to learn within the max length and are not "
            "looked at while training.",
            level="warning",
        )
    columns = [example.columns for example in examples]
    asked = _asked(rows, spec, tokenizer)
    if not kind.has_labels:
        return HeldOutRows([], Dataset.from_list(columns), asked)
    columns.sort(key=lambda feature: -len(feature["input_ids"]))  # a lack of memory shows in the first batch
    return HeldOutRows(columns, None, asked)


def _asked(rows: list[TrainingRow], spec: RunSpec, tokenizer: Any) -> list[ScoredRow]:
    """The first rows with a good answer that begins within the max length."""
    wanted = spec.config.sample_generations
    if not wanted or spec.row_form is RowForm.TEXT or method_of(spec.config).task_type != "CAUSAL_LM":
        return []
    good = [row for row in rows if row.label is not False]
    return encode_rows(good[:wanted], spec, tokenizer)
