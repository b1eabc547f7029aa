"""Which rows of the dataset version a run trains on and which it is scored on. Pure: no tensor library."""

from collections.abc import Iterator
from itertools import islice

from finetune_app.datasets.formats import BadRow, TrainingRow, is_held_out, read_rows
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.spec import RunSpec


def good_rows(spec: RunSpec) -> Iterator[TrainingRow]:
    """All rows in order but those that the spec leaves out.

    Raises:
        ChildFailure: BAD_ROWS, for a bad row that nobody agreed to leave out.
    """
    left_out = frozenset(spec.bad_rows)
    try:
        for row in read_rows(spec.rows_file, spec.file_format, spec.row_form):
            if row.number in left_out:
                continue
            if isinstance(row, BadRow):
                raise ChildFailure(Cause.BAD_ROWS, f"Row {row.number}: {row.reason}")
            yield row
    except UserError as error:
        raise ChildFailure(Cause.BAD_ROWS, error.message) from error


def trained_rows(spec: RunSpec) -> Iterator[TrainingRow]:
    """The rows to learn from: all good rows that are not held out."""
    by_column = names_splits(spec)
    return (row for row in good_rows(spec) if not is_kept_out(row, spec, by_column))


def scored_rows(spec: RunSpec) -> list[TrainingRow]:
    """The first held-out rows, at most `held_out_max_rows`."""
    by_column = names_splits(spec)
    held_out = (row for row in good_rows(spec) if is_kept_out(row, spec, by_column))
    return list(islice(held_out, spec.config.held_out_max_rows))


def names_splits(spec: RunSpec) -> bool:
    """Whether any row says by itself where it belongs; then no share is drawn."""
    return any(row.split is not None for row in good_rows(spec))


def is_kept_out(row: TrainingRow, spec: RunSpec, by_column: bool) -> bool:
    """Whether the run does not learn from the row; `by_column` is what `names_splits` says."""
    return is_held_out(row, share=spec.config.held_out_share, seed=spec.config.seed, by_column=by_column)
