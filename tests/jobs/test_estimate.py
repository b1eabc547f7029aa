"""What the side panel of the form counts."""

import pytest

from finetune_app.datasets.models import DatasetVersion
from finetune_app.jobs.estimate import estimate
from finetune_app.jobs.methods.sft import SFTOptions

NAMED = DatasetVersion(rows=330, train_rows=300, held_out_rows=30)
PLAIN = DatasetVersion(rows=330)


def test_rows_that_name_their_split_are_counted_exactly():
    found = estimate(NAMED, SFTOptions(held_out_share=0.5))
    assert (found.train_rows, found.held_out_rows, found.exact) == (300, 30, True)


def test_a_share_is_an_estimate():
    found = estimate(PLAIN, SFTOptions(held_out_share=0.1))
    assert (found.train_rows, found.held_out_rows, found.exact) == (297, 33, False)


def test_nothing_held_out_and_packing():
    assert estimate(PLAIN, SFTOptions(held_out_share=0)).exact
    assert not estimate(NAMED, SFTOptions(packing=True)).exact


def test_no_more_rows_are_scored_than_wanted():
    assert estimate(NAMED, SFTOptions(held_out_max_rows=10)).scored_rows == 10


@pytest.mark.parametrize(
    ("options", "steps", "epochs"),
    [({"num_train_epochs": 2}, 38, 2), ({"max_steps": 38}, 38, 2), ({"max_steps": 19}, 19, 1)],
)
def test_steps_and_epochs_follow_from_each_other(options, steps, epochs):
    found = estimate(NAMED, SFTOptions(**options))
    assert (found.steps, found.epochs) == (steps, epochs)


def test_a_dataset_without_training_rows_takes_no_steps():
    found = estimate(DatasetVersion(rows=5, held_out_rows=5), SFTOptions())
    assert (found.train_rows, found.steps) == (0, 0)
