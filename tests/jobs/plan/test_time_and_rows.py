"""How long a run takes, and what a batch of rows holds."""

import pytest

from finetune_app.jobs.plan.choose import Situation, make_plan
from finetune_app.jobs.plan.devices import Device
from finetune_app.jobs.plan.rows import Rows
from tests.jobs.plan.situations import H100, SHAPE, config, rows

PACKED = {"packing": True, "max_steps": 20, "completion_only_loss": False}


@pytest.mark.parametrize(
    ("options", "tokens_per_second"),
    [({}, 18_762), ({"quantization": "nf4", "gradient_checkpointing": True}, 13_133)],
)
def test_the_measured_speed_of_an_h100_is_predicted_within_ten_percent(options, tokens_per_second):
    full = Rows.known([1024] * 100, [0] * 100)
    found = make_plan(config(**PACKED, **options), Situation(SHAPE, H100, full)).time
    assert found.tokens_per_second == pytest.approx(tokens_per_second, rel=0.1)
    assert found.seconds == pytest.approx(20 * 8192 / found.tokens_per_second)


@pytest.mark.parametrize(("quantization", "seconds"), [("none", 0.124), ("nf4", 0.182)])
def test_a_step_of_few_tokens_takes_as_long_as_its_kernels_need_to_be_launched(quantization, seconds):
    """8 unpacked rows of the lengths of dolly, about 1,050 tokens; the medians of 39 steps on an H100."""
    few = Rows.known([131] * 100, [50] * 100)
    options = {"quantization": quantization, "per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}
    found = make_plan(config(max_steps=40, fit_to_device=False, **options), Situation(SHAPE, H100, few)).time
    assert found.seconds / 40 == pytest.approx(seconds, rel=0.1)


def test_a_device_with_half_the_arithmetic_takes_longer():
    a100 = Device("cuda", "NVIDIA A100-SXM4-80GB", H100.memory_bytes)
    full = Rows.known([1024] * 100, [0] * 100)
    on_h100, on_a100 = (
        make_plan(config(**PACKED), Situation(SHAPE, device, full)).time.seconds for device in (H100, a100)
    )
    assert 2.5 < on_a100 / on_h100 < 3.5


@pytest.mark.parametrize(
    ("name", "tflops"), [("NVIDIA L4", 121), ("NVIDIA L40S", 362.05), ("NVIDIA H200", 989.4), ("?", 100)]
)
def test_devices_are_known_by_their_names(name, tflops):
    assert Device("cuda", name, 0).peak_flops == pytest.approx(tflops * 1e12)


def test_rows_end_to_end_hold_no_padding():
    lengths = Rows.known([100, 900, 100, 900], [0, 0, 0, 0])
    flat, padded = (lengths.batch(config(per_device_train_batch_size=4), 4, padded=padded) for padded in (False, True))
    assert (flat.tokens, padded.tokens) == (2000, 3600)
    assert flat.real_tokens == padded.real_tokens == 2000


def test_a_batch_holds_no_more_rows_than_there_are():
    assert Rows.known([100] * 3, [0] * 3).batch(config(), 8, padded=False).tokens == 300


def test_an_average_token_lies_in_a_long_row():
    average = Rows.known([100, 300], [50, 0]).average(config())
    assert (average.tokens, average.learned, average.longest) == (400, 350, 250)
    assert Rows.known([1024] * 4, [0] * 4, pieces=200.0).average(config(packing=True)).longest == 200


def test_rows_are_cut_at_the_max_length():
    batch = Rows.known([5000], [0]).batch(config(max_length=512), 1, padded=False)
    assert (batch.tokens, batch.learned, batch.longest) == (512, 512, 512)


def test_only_the_answers_are_learned():
    assert Rows.known([100] * 8, [60] * 8).batch(config(), 8, padded=False).learned == 320


def test_packed_rows_fill_whole_sequences():
    found = rows()
    batch = found.batch(config(packing=True), 8, padded=False)
    assert batch.tokens == 8192
    assert found.sequences(config(packing=True)) < found.count
    assert 0.9 < found.fill(1024) <= 1


def test_the_largest_row_counts_in_a_sample_too():
    lengths = [10] * 30_000
    lengths[12_345] = 1000
    assert Rows.known(lengths, [0] * 30_000).batch(config(), 1, padded=False).tokens == 1000


def test_rows_that_nobody_counted_are_taken_from_the_size_of_the_file():
    batch = Rows.assumed(100, 40_000, 1024).batch(config(), 8, padded=False)
    assert batch.mean_tokens == 8 * 100
    assert batch.tokens == 8 * 400
