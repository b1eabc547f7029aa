"""What a run says of its own speed and energy."""

import pytest

from finetune_app.jobs.plan.devices import known_peak_flops
from tests.workers.runs import train
from workers.trainer.energy import EnergyMeter, counters


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run with evaluations and checkpoints, which are not training."""
    folder = tmp_path_factory.mktemp("measure")
    return train(folder / "run", quantization="none", max_steps=12, eval_steps=2, save_steps=2)


def test_steady_speed_is_that_of_the_steps_after_the_first_ones(ended):
    first, last = ended.steps[4], ended.steps[-1]
    speed = (last.tokens - first.tokens) / (last.seconds - first.seconds)
    assert ended.done["steady_tokens_per_second"] == pytest.approx(speed, rel=0.01)


def test_the_share_of_the_peak_is_a_share(ended):
    assert 0 < ended.done["achieved_flops_share"] < 1
    assert ended.done["peak_flops"] > 1e9


def test_energy_is_told_only_where_something_counts_it(ended):
    assert ("energy_joules" in ended.done) == bool(counters("cpu"))


@pytest.fixture
def powercap(tmp_path):
    """Writes what the kernel would say of two processors and a part of one of them."""

    def write(**microjoules):
        for name, value in microjoules.items():
            folder = tmp_path / name.replace("_", ":").replace("rapl", "intel-rapl")
            folder.mkdir(exist_ok=True)
            (folder / "energy_uj").write_text(f"{value}\n")
            (folder / "max_energy_range_uj").write_text("100000000\n")
        return tmp_path

    return write


def test_the_energy_of_all_processors_is_added_up(powercap):
    meter = EnergyMeter(counters("cpu", powercap(rapl_0=1_000_000, rapl_1=0, rapl_0_0=5_000_000)))
    powercap(rapl_0=3_000_000, rapl_1=500_000, rapl_0_0=90_000_000)
    meter.sample()
    assert meter.joules == pytest.approx(2.5)


def test_a_counter_that_starts_over_goes_on(powercap):
    meter = EnergyMeter(counters("cpu", powercap(rapl_0=99_000_000)))
    powercap(rapl_0=2_000_000)
    meter.sample()
    assert meter.joules == pytest.approx(3.0)


def test_a_counter_that_is_lost_makes_no_figure(powercap):
    root = powercap(rapl_0=1)
    meter = EnergyMeter(counters("cpu", root))
    (root / "intel-rapl:0" / "energy_uj").unlink()
    meter.sample()
    assert meter.joules is None


def test_without_counters_there_is_no_figure(tmp_path):
    assert EnergyMeter(counters("cpu", tmp_path)).joules is None


def test_only_gpus_whose_datasheet_is_known_have_a_peak():
    assert known_peak_flops("NVIDIA H100 80GB HBM3") == pytest.approx(989.4e12)
    assert known_peak_flops("Some GPU") is None
