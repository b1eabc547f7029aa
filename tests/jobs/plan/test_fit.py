"""What is chosen for a device, whether it fits, and what would make it fit."""

import pytest

from finetune_app.jobs.methods.dpo import DPOOptions
from finetune_app.jobs.methods.kto import KTOOptions
from finetune_app.jobs.plan.choose import choose_plan, least_bytes, make_plan, micro_batches
from finetune_app.jobs.plan.devices import GIB
from finetune_app.jobs.plan.fit import Verdict, find_change, judge, verdict_of
from finetune_app.jobs.plan.rows import Rows
from tests.jobs.plan.situations import config, situation

FITTED = {"fit_to_device": True}


@pytest.mark.parametrize(
    ("share", "verdict"),
    [
        (0.5, Verdict.FITS),
        (0.85, Verdict.FITS),
        (0.86, Verdict.TIGHT),
        (1.0, Verdict.TIGHT),
        (1.01, Verdict.DOES_NOT_FIT),
    ],
)
def test_tight_is_above_85_percent(share, verdict):
    assert verdict_of(round(share * 1000), 1000) is verdict


@pytest.mark.parametrize("gigabytes", [16, 24, 48, 80])
def test_the_effective_batch_is_kept_whatever_is_chosen(gigabytes):
    asked = config(per_device_train_batch_size=4, gradient_accumulation_steps=6, quantization="nf4", **FITTED)
    chosen = choose_plan(asked, situation(gigabytes))
    assert chosen.config.effective_batch_size == 24
    assert chosen.memory.needed_bytes < 0.9 * gigabytes * GIB
    kept = {"per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing"}
    assert chosen.config.model_dump(exclude=kept) == asked.model_dump(exclude=kept)


def test_a_large_device_computes_nothing_twice_and_a_small_one_does():
    asked = config(per_device_train_batch_size=32, **FITTED)
    large, small = (choose_plan(asked, situation(size)) for size in (140, 15))
    assert not large.config.gradient_checkpointing
    assert small.config.gradient_checkpointing
    assert large.time.seconds < small.time.seconds


def test_nothing_is_chosen_for_a_job_that_is_to_run_as_it_is_set():
    asked = config(per_device_train_batch_size=32)
    assert choose_plan(asked, situation(16)).config == asked


def test_a_loss_that_depends_on_the_micro_batch_keeps_it():
    split = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 4}
    assert micro_batches(DPOOptions(**split)) == [16, 8, 4, 2, 1]
    assert micro_batches(DPOOptions(loss_type="bco_pair", **split)) == [4]
    assert micro_batches(KTOOptions(**split)) == [4]


@pytest.mark.parametrize(
    ("gigabytes", "options", "named"),
    [
        (40, {"per_device_train_batch_size": 32}, {"per_device_train_batch_size", "gradient_accumulation_steps"}),
        (14.3, {"per_device_train_batch_size": 1}, {"gradient_checkpointing"}),
        (12, {"per_device_train_batch_size": 1}, {"quantization"}),
        (12, {"per_device_train_batch_size": 32, **FITTED}, {"quantization"}),
        (8.5, {"quantization": "nf4", "max_length": 16384, **FITTED}, {"max_length"}),
    ],
)
def test_the_smallest_change_that_makes_it_fit_is_offered(gigabytes, options, named):
    place = situation(gigabytes, rows=Rows.known([12_000] * 40, [10] * 40) if "max_length" in options else None)
    asked = config(**options)
    found = judge(asked, place)
    assert found.verdict is Verdict.DOES_NOT_FIT
    assert set(found.change.options) == named
    after = make_plan(asked.model_copy(update=found.change.options), place) if "fit_to_device" not in options else None
    assert after is None or after.needed_bytes <= gigabytes * GIB
    assert found.change.text.startswith("It would fit with ")


def test_nothing_is_offered_where_nothing_helps():
    assert find_change(config(), situation(3)) is None
    assert judge(config(), situation(3)).change is None


def test_no_change_is_offered_that_the_form_would_refuse():
    """OLoRA needs a base without quantization."""
    asked = config(init_lora_weights="olora", max_length=16384, **FITTED)
    place = situation(15, rows=Rows.known([12_000] * 40, [10] * 40))
    assert set(find_change(asked, place).options) == {"max_length"}


def test_a_job_that_fits_is_offered_nothing():
    found = judge(config(per_device_train_batch_size=1), situation(80))
    assert (found.verdict, found.change) == (Verdict.FITS, None)


def test_what_earlier_jobs_measured_moves_the_prediction_but_not_the_driver():
    plain, corrected = (make_plan(config(), situation(80, memory_factor=factor)) for factor in (1.0, 1.1))
    assert corrected.memory.peak_bytes == pytest.approx(1.1 * plain.memory.peak_bytes, rel=1e-6)
    assert corrected.memory.context == plain.memory.context
    faster = make_plan(config(), situation(80, speed_factor=2.0))
    assert faster.time.seconds == pytest.approx(plain.time.seconds / 2)


def test_the_least_memory_is_that_of_the_lightest_way():
    asked = config(per_device_train_batch_size=32, **FITTED)
    assert least_bytes(asked, situation(80)) < 0.5 * make_plan(asked, situation(80)).needed_bytes
    as_set = config(per_device_train_batch_size=32)
    assert least_bytes(as_set, situation(80)) == make_plan(as_set, situation(80)).memory.needed_bytes
