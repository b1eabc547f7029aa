"""The loss curves of versions: those of the jobs that made them, and why there is none."""

import pytest

from finetune_app.comparison.curves import thinned
from finetune_app.jobs.events import HeldOutEvent, StepEvent
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from tests.comparison.makers import make_two
from tests.jobs.makers import make_job, records

pytestmark = pytest.mark.usefixtures("live_redis")
TWO = {"v": ["adder@1", "adder@2"]}


@pytest.fixture
def two(tiny_base, tmp_path):
    return make_two(tiny_base, tmp_path)


@pytest.fixture
def trained(cast, tiny_base, two):
    """`adder@1` was made by a job that measured three steps and looked at held-out rows once."""
    job = make_job(cast.access(cast.editor), tiny_base)
    attempt = claim_next_job("w")
    shared = {"total_steps": 3, "learning_rate": 1e-3, "grad_norm": 1.0, "tokens": 9, "seconds": 1.5}
    steps = [StepEvent(step=step, epoch=0.5, loss=loss, **shared) for step, loss in ((1, 3.0), (2, None), (3, 1.0))]
    looked = HeldOutEvent(step=3, epoch=0.5, loss=1.5, rows=2, best=True, seconds=0.1)
    record_events(attempt, records(attempt, *steps, looked))
    Job.objects.filter(pk=job.pk).update(adapter_version=two[0])
    return two


def test_a_curve_is_that_of_the_job(cast, client_for, trained):
    first, second = client_for(cast.viewer).get("/w/team/compare/curves", TWO).json()["curves"]
    assert first == {"version": "adder@1", "training": [[1, 3.0], [3, 1.0]], "held_out": [[3, 1.5]], "missing": ""}
    assert second["training"] == []
    assert second["missing"] == "The job that made it is gone."


def test_rest_gives_the_same(cast, api, trained):
    page = cast.client(cast.viewer).get("/w/team/compare/curves", TWO).json()
    assert api(cast.viewer).get("/api/v1/adapters/compare/curves", TWO).json() == page


def test_an_imported_version_says_that_nobody_saw_it_train(cast, client_for, two):
    two[1].origin = "imported"
    two[1].save(update_fields=["origin"])
    curves = client_for(cast.viewer).get("/w/team/compare/curves", TWO).json()["curves"]
    assert curves[1]["missing"] == "It was imported, so nobody here saw it train."


def test_a_long_curve_is_thinned_to_means_of_stretches():
    curve = [(step, float(step)) for step in range(1, 4001)]
    short = thinned(curve, most=1500)
    assert len(short) == 1334
    assert short[0] == (3, 2.0)
    assert short[-1] == (4000, 4000.0)
    assert thinned(curve[:1500]) == curve[:1500]
