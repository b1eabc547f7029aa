"""The home page: what runs, waits, failed and was made, and the next step."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone
from safetensors.numpy import save_file

from adapters.manifest import Lineage
from adapters.models import AdapterVersion
from adapters.services.register_version import register_version
from finetune_app.datasets.models import Dataset, DatasetVersion
from finetune_app.home.guide import SAMPLE_DATASET
from finetune_app.jobs.causes import SENTENCES, Cause
from finetune_app.jobs.models import Attempt, Job, MetricPoint
from finetune_app.jobs.states import JobState, Phase
from tests.pages import one_line

HOME = "/w/team/"
HTMX = {"hx-request": "true"}


@pytest.fixture
def rows(cast):
    dataset = Dataset.objects.create(workspace=cast.team, name="questions")
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        sha256="0" * 64,
        size=1,
        file_name="q.jsonl",
        file_format="jsonl",
        row_form="chat",
        rows=9,
    )


@pytest.fixture
def make_job(cast, rows, tiny_base):
    def make(state=JobState.QUEUED, **fields):
        return Job.objects.create(
            workspace=cast.team,
            number=Job.objects.count() + 1,
            state=state,
            adapter_name=fields.pop("adapter_name", "answers"),
            base_revision=tiny_base,
            dataset_version=rows,
            config={},
            **fields,
        )

    return make


@pytest.fixture
def make_version(cast, tiny_base, tmp_path):
    save_file({"lora_A": np.zeros((8, 4), np.float32)}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')

    def make(scores=None):
        lineage = Lineage(
            job=1,
            dataset="questions",
            dataset_version=1,
            dataset_sha256="0" * 64,
            config={"r": 8, "lora_alpha": 16},
            libraries={},
            seed=42,
            scores=scores,
        )
        return register_version(
            workspace=cast.team,
            adapter_name="answers",
            base_revision=tiny_base,
            folder=tmp_path,
            lineage=lineage,
            source_key=f"version {AdapterVersion.objects.count() + 1}",
            created_by=None,
        )

    return make


def text_of(response) -> str:
    assert response.status_code == 200
    return one_line(response.content.decode())


def test_an_empty_workspace_shows_the_first_step(client_for, cast):
    page = text_of(client_for(cast.editor).get(HOME))
    assert "Nothing runs and nothing waits" in page
    assert "No adapter yet" in page
    assert page.count('aria-current="step"') == 1
    assert 'href="/w/team/datasets/new"' in page
    assert "hx-trigger" not in page, "nothing can change by itself, so nothing polls"


def test_a_viewer_is_shown_no_button_that_is_refused(client_for, cast):
    page = text_of(client_for(cast.viewer).get(HOME))
    assert "/new" not in page


def test_a_running_job_shows_how_far_it_is_and_the_page_keeps_asking(client_for, cast, make_job):
    job = make_job(JobState.RUNNING, phase=Phase.TRAINING, done=10, total=40, started_at=timezone.now())
    attempt = Attempt.objects.create(job=job, number=1, worker="w", heartbeat_at=timezone.now())
    for step in (9, 10):
        MetricPoint.objects.create(attempt=attempt, step=step, epoch=1, learning_rate=1, tokens=1, seconds=2.0 * step)
    page = text_of(client_for(cast.viewer).get(HOME))
    assert "Training, 1 min 0 s left" in page
    assert 'value="10" max="40"' in page
    assert 'hx-trigger="every 3s"' in page


def test_the_part_that_polls_is_only_the_part(client_for, cast, make_job):
    make_job(JobState.RUNNING, phase=Phase.LOADING)
    response = client_for(cast.viewer).get(HOME, headers=HTMX)
    page = text_of(response)
    assert "Loading the base model" in page
    assert "<html" not in page
    assert "hx-trigger" not in page


def test_polling_stops_when_nothing_is_open(client_for, cast, make_job):
    make_job(JobState.SUCCEEDED)
    response = client_for(cast.viewer).get(HOME, headers=HTMX)
    assert response.status_code == 286
    assert b"Nothing runs and nothing waits" in response.content


def test_waiting_jobs_are_listed_in_their_order_and_the_rest_counted(client_for, cast, make_job):
    for _ in range(7):
        make_job()
    page = text_of(client_for(cast.viewer).get(HOME))
    assert page.index("Job 1: answers") < page.index("Job 5: answers")
    assert "Job 6: answers" not in page
    assert "2 more waiting" in page


def test_a_failed_job_shows_its_cause_for_a_week(client_for, cast, make_job):
    cause = {"cause_code": Cause.LOSS_NOT_FINITE, "cause": SENTENCES[Cause.LOSS_NOT_FINITE]}
    make_job(JobState.FAILED, finished_at=timezone.now(), **cause)
    client = client_for(cast.viewer)
    assert SENTENCES[Cause.LOSS_NOT_FINITE] in text_of(client.get(HOME))
    Job.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert "Failed this week" not in text_of(client.get(HOME))


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        (
            {"base": {"exact_match": 0.0, "token_accuracy": 0.4}, "tuned": {"exact_match": 1.0, "token_accuracy": 0.9}},
            "Exact match 0 % → 100 %",
        ),
        (
            {
                "base": {"exact_match": None, "token_accuracy": 0.4},
                "tuned": {"exact_match": None, "token_accuracy": 0.931},
            },
            "Token accuracy 40 % → 93.1 %",
        ),
    ],
)
def test_an_adapter_shows_its_score_before_and_after_and_can_be_downloaded(
    client_for, cast, make_version, scores, shown
):
    make_version(scores)
    page = text_of(client_for(cast.viewer).get(HOME))
    assert shown in page
    assert 'href="/w/team/adapters/answers/v/1/download"' in page


def test_an_adapter_without_scores_is_shown_without(client_for, cast, make_version):
    make_version(None)
    page = text_of(client_for(cast.viewer).get(HOME))
    assert "answers@1" in page
    assert "Exact match" not in page


def test_the_guide_goes_step_by_step_and_then_leaves(client_for, cast, rows, make_job, make_version):
    client = client_for(cast.editor)

    def next_step():
        page = text_of(client.get(HOME))
        if "From rows to an adapter" not in page:
            return None
        return page.partition('aria-current="step"')[2].partition("<h3")[2].partition(">")[2].partition("<")[0]

    assert next_step() == "Set up a job"
    make_job(JobState.RUNNING)
    assert next_step() == "Download the adapter"
    make_version()
    assert next_step() == "", "all steps are ticked"
    make_job(JobState.SUCCEEDED)
    assert next_step() is None


def test_the_sample_job_is_announced(client_for, cast, rows, make_job):
    Dataset.objects.update(name=SAMPLE_DATASET)
    make_job(JobState.QUEUED)
    page = text_of(client_for(cast.viewer).get(HOME))
    assert "A sample, job 1, is under way" in page


def test_nothing_of_another_workspace_is_shown(client_for, cast, make_job, make_version):
    make_job(JobState.RUNNING)
    make_version()
    page = text_of(client_for(cast.outsider).get("/w/elsewhere/"))
    assert "answers" not in page


def test_the_page_asks_the_same_number_of_queries_however_much_there_is(
    client_for, cast, make_job, make_version, django_assert_num_queries
):
    client = client_for(cast.editor)
    for _ in range(3):
        make_job(JobState.RUNNING, phase=Phase.LOADING)
        make_job(JobState.QUEUED)
        make_job(JobState.FAILED, finished_at=timezone.now())
        make_version()
    # Session, user and membership; open jobs, failed jobs, adapter versions; four counts and the newest job.
    with django_assert_num_queries(11):
        client.get(HOME)
