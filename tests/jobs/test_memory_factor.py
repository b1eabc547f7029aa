"""What earlier jobs measured corrects later predictions."""

import pytest
from django.utils import timezone

from finetune_app.fleet.models import Worker
from finetune_app.jobs.methods.kto import KTOOptions
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.models import Attempt, Job
from finetune_app.jobs.services.memory_factor import learned_factors, memory_factor_of
from finetune_app.jobs.states import JobState
from tests.jobs.makers import make_job

GPU, CPU = "NVIDIA H100 80GB HBM3", "x86_64 CPU, 2 threads"


@pytest.fixture
def ended(cast, tiny_base):
    """Makes a job that has succeeded, with what was predicted for it and measured on it."""

    def make(measured=1200, predicted=1000, device=GPU, options=None, **facts):
        job = make_job(cast.access(cast.editor), tiny_base, **(options or {}))
        told = {"device": device, "predicted_memory_bytes": predicted, "peak_memory_bytes": measured}
        Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, facts=told | facts)

    return make


def test_without_earlier_jobs_nothing_is_corrected(db):
    learned = learned_factors(GPU, SFTOptions())
    assert (learned.memory, learned.speed, learned.jobs, learned.text) == (1.0, 1.0, 0, "")


def test_the_median_of_measured_by_predicted_counts(ended):
    for measured in (1100, 1200, 1900):
        ended(measured)
    learned = learned_factors(GPU, SFTOptions())
    assert learned.memory == pytest.approx(1.2)
    assert learned.text == "Corrected by 1.20 from 3 earlier jobs."


def test_a_prediction_that_was_corrected_already_is_not_corrected_twice(ended):
    ended(measured=1200, predicted=1200, memory_factor=1.2)
    assert learned_factors(GPU, SFTOptions()).memory == pytest.approx(1.2)


def test_speed_is_learned_too(ended):
    ended(tokens_per_second=500.0, predicted_tokens_per_second=1000.0)
    assert learned_factors(GPU, SFTOptions()).speed == pytest.approx(0.5)


def test_the_first_slow_steps_do_not_count(ended):
    ended(tokens_per_second=500.0, steady_tokens_per_second=800.0, predicted_tokens_per_second=1000.0)
    assert learned_factors(GPU, SFTOptions()).speed == pytest.approx(0.8)


def test_a_run_gets_what_was_learned_on_the_device_of_its_worker(cast, tiny_base, ended):
    ended(1300)
    now = timezone.now()
    Worker.objects.create(
        name="train@host", kind="cuda", device=GPU, memory_bytes=1, has_bf16=True, cores=1, gpus=1, started_at=now,
        seen_at=now,
    )  # fmt: skip
    known, unknown = (make_job(cast.access(cast.editor), tiny_base) for _ in range(2))
    for job, worker in ((known, "train@host"), (unknown, "stranger@host")):
        Attempt.objects.create(job=job, number=1, worker=worker, heartbeat_at=now)
    assert memory_factor_of(known) == pytest.approx(1.3)
    assert memory_factor_of(unknown) == 1.0


@pytest.mark.parametrize(
    ("device", "config"),
    [
        ("NVIDIA L4", SFTOptions()),
        (CPU, SFTOptions()),
        (GPU, SFTOptions(quantization="none")),
        (GPU, KTOOptions()),
        (GPU, SFTOptions(fit_to_device=False, gradient_checkpointing=True)),
    ],
)
def test_only_jobs_that_are_alike_teach(ended, device, config):
    ended(gradient_checkpointing=False)
    assert learned_factors(device, config).jobs == 0


def test_processors_teach_each_other_however_many_threads_they_had(ended):
    ended(device=CPU)
    assert learned_factors("x86_64 CPU, 8 threads", SFTOptions()).jobs == 1


@pytest.mark.parametrize("facts", [{"measured": 0}, {"predicted": None}, {"measured": "much"}])
def test_facts_that_make_no_sense_teach_nothing(ended, facts):
    ended(**facts)
    assert learned_factors(GPU, SFTOptions()).memory == 1.0


@pytest.mark.parametrize(("measured", "factor"), [(9000, 2.0), (100, 0.5)])
def test_no_factor_is_beyond_reason(ended, measured, factor):
    ended(measured)
    assert learned_factors(GPU, SFTOptions()).memory == factor


def test_the_newest_jobs_count(ended):
    for _ in range(21):
        ended(1500)
    for _ in range(20):
        ended(1100)
    assert learned_factors(GPU, SFTOptions()).memory == pytest.approx(1.1)
