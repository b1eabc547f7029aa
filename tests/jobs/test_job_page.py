"""The page of one job: what it says in each state, and what it offers."""

import re

import pytest

from finetune_app.jobs.events import DoneEvent, EvaluationEvent, PhaseEvent, PlanEvent, Sample, Score, StepEvent
from finetune_app.jobs.models import Attempt, Checkpoint, Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from finetune_app.jobs.states import AttemptState
from tests.jobs.adapter_versions import make_adapter_version
from tests.jobs.makers import make_job, records
from tests.pages import one_line, words

SCORES = EvaluationEvent(
    rows=30,
    base=Score(exact_match=0.0, token_accuracy=0.4, loss=2.5),
    tuned=Score(exact_match=0.9667, token_accuracy=0.99, loss=0.0812),
    samples=[Sample(prompt="<b>2+2?</b>", expected="4", base="five", tuned="4")],
)


def step(number, total=10):
    return StepEvent(
        step=number,
        total_steps=total,
        epoch=0.1,
        loss=2.0,
        learning_rate=1e-3,
        grad_norm=1.0,
        tokens=9,
        seconds=number * 3.0,
    )


@pytest.fixture
def job(cast, tiny_base):
    return make_job(cast.access(cast.editor), tiny_base, r=8)


@pytest.fixture
def attempt(job, live_redis):
    return claim_next_job("gpu-1")


@pytest.fixture
def show(cast, job):
    """The page as `user` sees it (the editor, unless said otherwise), as text."""

    def show(user=None, **headers):
        response = cast.client(user or cast.editor).get(f"/w/team/jobs/{job.number}/", headers=headers)
        assert response.status_code == 200
        return one_line(response.content.decode())

    return show


def test_a_waiting_job_says_what_it_waits_for(cast, tiny_base, show):
    html = show()
    assert "Waiting for a worker" in html
    assert 'data-state="queued"' in html
    assert "data-final" not in html


def test_a_running_job_shows_phase_steps_and_time_left(show, attempt):
    record_events(attempt, records(attempt, PhaseEvent(phase="training"), *[step(number) for number in range(1, 5)]))
    html = show()
    assert "Training 4 of 10 about 18 s left" in words(html)
    assert 'value="4" max="10"' in html
    assert "gpu-1, running" in words(html)


def test_a_phase_of_unknown_length_has_a_bar_without_an_end(show, attempt):
    record_events(attempt, records(attempt, PhaseEvent(phase="loading")))
    html = show()
    assert "Loading the base model" in html
    assert re.search(r'<progress class="progress" aria-label="Loading the base model"\s*>\s*</progress>', html)


def test_the_choices_are_shown_with_what_was_changed_first(show):
    text = words(show())
    assert text.index("Rank (r) 8") < text.index("All options") < text.index("Learning rate 0.0002")


def test_what_the_worker_chose_is_shown(show, attempt):
    training = PlanEvent(facts={"device": "cpu", "peak_memory_bytes": 2**31, "seconds": 60})
    evaluation = PlanEvent(facts={"evaluation": {"rows": 30, "seconds": 2.5, "peak_memory_bytes": 2**30}})
    record_events(attempt, records(attempt, training, evaluation))
    text = words(show())
    assert "Measured Peak memory 2.00 GiB" in text
    assert "Device cpu Time in training 60.0 s" in text
    assert "Evaluation peak memory 1.00 GiB, time 2.5 s, rows 30" in text


def test_honest_numbers_stand_beside_what_was_predicted(show, attempt):
    facts = {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 8,
        "gradient_checkpointing": True,
        "predicted_memory_bytes": int(7.5 * 2**30),
        "predicted_tokens_per_second": 9100.0,
    }
    record_events(attempt, records(attempt, PlanEvent(facts=facts)))
    text = words(show())
    assert "Chosen plan 2 × 8 rows a step, with checkpointing Speed predicted 9,100 tokens/s" in text
    assert "Peak memory predicted 7.50 GiB" in text
    measured = {
        "tokens_per_second": 10002.4,
        "steady_tokens_per_second": 10400.0,
        "achieved_flops_share": 0.4123,
        "peak_flops": 989e12,
        "peak_memory_bytes": int(7.3 * 2**30),
        "energy_joules": 36000.0,
    }
    record_events(attempt, records(attempt, DoneEvent(facts=measured)))
    text = words(show())
    assert "Speed 10,002 tokens/s, 10,400 once it runs, predicted 9,100" in text
    assert "peak 41.2 % of 989 TFLOP/s" in text
    assert "Peak memory 7.30 GiB, predicted 7.50 GiB" in text
    assert "Energy 10 Wh" in text


def test_the_last_checkpoint_and_where_an_attempt_began_are_said(show, job, attempt):
    Checkpoint.objects.create(job=job, step=40, files=[])
    end_attempt.requeue(attempt, AttemptState.LOST, "lost")
    second = claim_next_job("gpu-2")
    Attempt.objects.filter(pk=second.pk).update(resumed_step=40)
    text = words(show())
    assert "Last checkpoint step 40, just now" in text
    assert "gpu-2, running, from step 40" in text


def test_config_and_script_can_be_taken_along(cast, show):
    html = show(cast.viewer)
    assert 'href="/w/team/jobs/1/config.yaml" download' in html
    assert 'href="/w/team/jobs/1/script.py" download' in html


def test_a_retry_names_the_job_that_it_repeats(cast, tiny_base, job, show):
    first = make_job(cast.access(cast.editor), tiny_base)
    Job.objects.filter(pk=job.pk).update(retry_of=first)
    assert f"Retry of job {first.number}" in words(show())


def test_success_shows_scores_answers_and_the_way_to_the_files(show, attempt):
    record_events(attempt, records(attempt, SCORES))
    end_attempt.succeed(attempt, make_adapter_version(attempt.job.base_revision))
    html = show()
    assert "Exact match 0 % 96.7 %" in words(html)
    assert "/w/team/adapters/adder/v/1/download" in html
    assert "&lt;b&gt;2+2?&lt;/b&gt;" in html
    assert "data-final" in html
    assert 'data-bs-toggle="modal"' not in html


def test_a_reward_model_shows_its_share_of_right_preferences_alone(show, attempt):
    scores = EvaluationEvent(rows=4, base=Score(), tuned=Score(pair_accuracy=0.75))
    record_events(attempt, records(attempt, scores))
    end_attempt.succeed(attempt, make_adapter_version(attempt.job.base_revision))
    shown = words(show())
    assert "Preferences the right way round 75 %" in shown
    assert "With the adapter, on 4 held-out rows that training never saw." in shown
    assert "Held-out loss" not in shown
    assert "Token accuracy" not in shown


def test_preferences_show_base_and_tuned_model(show, attempt):
    before, after = (Score(pair_accuracy=share, loss=2.0, token_accuracy=0.5) for share in (0.5, 1.0))
    record_events(attempt, records(attempt, EvaluationEvent(rows=4, base=before, tuned=after)))
    end_attempt.succeed(attempt, make_adapter_version(attempt.job.base_revision))
    assert "Preferences the right way round 50 % 100 %" in words(show())


def test_a_failure_says_why_and_what_to_do(show, attempt):
    end_attempt.fail(attempt, "loss_not_finite")
    html = show()
    assert "Lower the learning rate." in html
    assert "/w/team/jobs/new?from=1" in html


def test_htmx_gets_what_the_state_decides_alone(show, attempt):
    part = show(**{"HX-Request": "true"})
    assert part.startswith('<div id="job-state"')
    assert 'id="job-facts" hx-swap-oob="true"' in part


def test_the_cancel_button_cancels(cast, job, show):
    assert f"/w/team/jobs/{job.number}/cancel" in show()
    response = cast.client(cast.editor).post(f"/w/team/jobs/{job.number}/cancel")
    assert response["Location"] == f"/w/team/jobs/{job.number}/"
    assert Job.objects.get().state == "cancelled"
    assert "so it made no adapter version" in show()


def test_a_running_job_is_asked_to_stop(cast, job, attempt, show):
    cast.client(cast.editor).post(f"/w/team/jobs/{job.number}/cancel")
    assert Job.objects.get().state == "cancelling"
    assert "Cancelling…" in show()


def test_cancelling_an_ended_job_changes_nothing(cast, job, attempt):
    end_attempt.fail(attempt, "crashed")
    assert cast.client(cast.editor).post(f"/w/team/jobs/{job.number}/cancel").status_code == 302
    assert Job.objects.get().state == "failed"


def test_cancelling_needs_a_post(cast, job):
    assert cast.client(cast.editor).get(f"/w/team/jobs/{job.number}/cancel").status_code == 405


def test_a_viewer_looks_but_does_not_touch(cast, job, show):
    html = show(cast.viewer)
    assert "cancel" not in html.lower().replace("cancelled", "")
    assert "jobs/new" not in html
    assert cast.client(cast.viewer).post(f"/w/team/jobs/{job.number}/cancel").status_code == 403
    assert Job.objects.get().state == "queued"


@pytest.mark.parametrize("path", ["", "events", "log", "cancel"])
def test_an_outsider_finds_nothing(cast, job, path):
    outsider = cast.client(cast.outsider)
    for workspace in ("team", "elsewhere"):
        address = f"/w/{workspace}/jobs/{job.number}/{path}"
        response = outsider.post(address) if path == "cancel" else outsider.get(address)
        assert response.status_code == 404


def test_somebody_who_is_not_signed_in_is_asked_to(client, job):
    assert client.get(f"/w/team/jobs/{job.number}/").status_code == 302


def test_the_method_is_told_in_words_and_by_its_name_when_it_is_gone(cast, job, show):
    assert "<dt>Method</dt> <dd>Supervised fine-tuning (SFT)</dd>" in show()
    Job.objects.filter(pk=job.pk).update(config=job.config | {"method": "of-yore"})
    assert "<dd>of-yore</dd>" in show()
