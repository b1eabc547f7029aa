"""Jobs over REST."""

import pytest

from finetune_app.jobs.events import EvaluationEvent, Score, StepEvent
from finetune_app.jobs.methods import METHODS
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.models import Job
from finetune_app.jobs.services import end_attempt
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.claim_next_job import claim_next_job
from finetune_app.jobs.services.record_events import record_events
from finetune_app.jobs.states import AttemptState
from tests.jobs.adapter_versions import make_adapter_version
from tests.jobs.makers import make_job, make_version, records

JOBS = "/api/v1/jobs"


@pytest.fixture
def order(cast, tiny_base):
    make_version(cast.team, cast.owner)
    return {"adapter": "adder", "dataset": "sums", "base_model": "tiny@1", "config": {"r": 8}}


@pytest.fixture
def editor(cast):
    return cast.api(cast.editor)


@pytest.fixture
def viewer(cast):
    return cast.api(cast.viewer)


def post(client, address, body=None):
    return client.post(address, body, content_type="application/json")


def step(number):
    return StepEvent(
        step=number,
        total_steps=9,
        epoch=0.5,
        loss=None if number == 2 else 2.0,
        learning_rate=1e-3,
        grad_norm=1.0,
        tokens=9,
        seconds=1.5,
    )


def test_a_job_is_queued_and_says_where_it_is(editor, viewer, order):
    response = post(editor, JOBS, order)
    assert response.status_code == 202
    assert response["Location"] == "/api/v1/jobs/1"
    job = viewer.get(response["Location"]).json()
    assert job == response.json()
    assert (job["number"], job["state"], job["dataset"], job["base_model"]) == (1, "queued", "sums@1", "tiny@1")
    assert job["config"] == SFTOptions(r=8).model_dump(mode="json")
    assert (job["created_by"], job["attempts"], job["cause"], job["phase"]) == ("editor", [], None, None)


def test_the_answer_remarks_on_what_a_later_step_cannot_use(editor, order):
    job = post(editor, JOBS, order | {"config": {"use_dora": True}}).json()
    (remark,) = [remark for remark in job["remarks"] if remark["option"] == "use_dora"]
    assert remark["text"].startswith("vLLM does not serve DoRA adapters")


def test_without_a_config_the_defaults_are_used(editor, order):
    del order["config"]
    assert post(editor, JOBS, order).json()["config"] == SFTOptions().model_dump(mode="json")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"config": {"r": 0}}, "invalid_fields", "config.r"),
        ({"config": {"learning_rate": "abc"}}, "invalid_fields", "config.learning_rate"),
        ({"config": {"rank": 4}}, "invalid_fields", "config.rank"),
        ({"dataset": "nowhere"}, "dataset_not_found", "dataset"),
        ({"base_model": "nowhere"}, "base_model_not_found", "base_model"),
        ({"dataset": "sums@x"}, "invalid_reference", "dataset"),
        ({"adapter": "No Name!"}, "invalid_name", "adapter"),
        ({"adapter": None}, "invalid_fields", "adapter"),
        ({"config": []}, "invalid_fields", "config"),
        ({"dateset": "sums"}, "invalid_fields", "dateset"),
        ({"config": {"target_modules": ["w_pack"]}}, "unknown_target_module", "config.target_modules"),
        (
            {"config": {"target_modules": "all-linear", "rank_pattern": {"w_pack": 4}}},
            "unknown_target_module",
            "config.rank_pattern",
        ),
    ],
)
def test_each_mistake_has_a_stable_code_its_field_and_saves_nothing(editor, order, change, code, field):
    response = post(editor, JOBS, order | change)
    body = response.json()
    assert (response.status_code, body["code"], body["field"]) == (422, code, field)
    assert body["message"]
    assert not Job.objects.exists()


def test_rest_says_the_same_words_as_the_form(editor, order):
    body = post(editor, JOBS, order | {"config": {"learning_rate": "abc"}}).json()
    assert body["message"] == "“abc” is not a number."


def test_several_mistakes_come_together(editor, order):
    body = post(editor, JOBS, order | {"dataset": "nowhere", "config": {"r": 0, "seed": "x"}}).json()
    assert {item["field"] for item in body["details"]} == {"dataset", "config.r", "config.seed"}


def test_a_body_that_is_not_json_is_refused(editor, order):
    response = editor.post(JOBS, "{", content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] == "bad_request"


def test_jobs_are_listed_newest_first_by_state_and_adapter(cast, editor, viewer, order):
    for adapter in ("one", "two", "two"):
        post(editor, JOBS, order | {"adapter": adapter})
    cancel_job(cast.access(cast.editor), Job.objects.get(number=1))

    def listed(**query):
        body = viewer.get(JOBS, query).json()
        return [item["number"] for item in body["items"]], body["count"]

    assert listed() == ([3, 2, 1], 3)
    assert listed(limit=1, offset=1) == ([2], 3)
    assert listed(state="cancelled") == ([1], 1)
    assert listed(adapter="two") == ([3, 2], 2)


@pytest.mark.parametrize("query", [{"limit": 201}, {"limit": 0}, {"offset": -1}, {"state": "asleep"}])
def test_a_wrong_query_names_its_key(viewer, query):
    response = viewer.get(JOBS, query)
    assert (response.status_code, response.json()["field"]) == (422, next(iter(query)))


def test_a_failure_has_a_code_and_a_sentence(cast, viewer, tiny_base, live_redis):
    make_job(cast.access(cast.editor), tiny_base)
    end_attempt.fail(claim_next_job("w"), "zero_gradient")
    job = viewer.get(f"{JOBS}/1").json()
    assert job["state"] == "failed"
    assert job["cause"]["code"] == "zero_gradient"
    assert "nothing was being learned" in job["cause"]["message"]
    assert [(attempt["state"], attempt["worker"]) for attempt in job["attempts"]] == [("failed", "w")]


def test_a_success_names_the_adapter_version_and_the_scores(cast, viewer, tiny_base, live_redis):
    make_job(cast.access(cast.editor), tiny_base)
    attempt = claim_next_job("w")
    score = Score(exact_match=1.0, token_accuracy=1.0, loss=0.1)
    record_events(attempt, records(attempt, EvaluationEvent(rows=2, base=score, tuned=score)))
    end_attempt.succeed(attempt, make_adapter_version(tiny_base))
    job = viewer.get(f"{JOBS}/1").json()
    assert job["adapter_version"] == {"adapter": "adder", "version": 1, "url": "/api/v1/adapters/adder/versions/1"}
    tuned = {"exact_match": 1.0, "pair_accuracy": None, "token_accuracy": 1.0, "loss": 0.1}
    assert job["scores"]["tuned"] == tuned
    assert job["scores"]["rows"] == 2


def test_metrics_have_each_step_once_over_all_attempts_unless_one_is_named(cast, viewer, tiny_base, live_redis):
    make_job(cast.access(cast.editor), tiny_base)
    assert viewer.get(f"{JOBS}/1/metrics").json() == {"attempt": None, "items": [], "count": 0}
    first = claim_next_job("w")
    record_events(first, records(first, step(1), step(2)))
    end_attempt.requeue(first, AttemptState.LOST, "lost")
    second = claim_next_job("w")
    record_events(second, records(second, step(2), step(3)))
    body = viewer.get(f"{JOBS}/1/metrics").json()
    assert (body["attempt"], body["count"], [point["step"] for point in body["items"]]) == (None, 3, [1, 2, 3])
    body = viewer.get(f"{JOBS}/1/metrics", {"attempt": 1}).json()
    assert [point["loss"] for point in body["items"]] == [2.0, None]
    assert set(body["items"][0]) == {
        "step",
        "epoch",
        "loss",
        "learning_rate",
        "grad_norm",
        "tokens",
        "seconds",
        "extra",
    }
    assert viewer.get(f"{JOBS}/1/metrics", {"attempt": 7}).json()["code"] == "attempt_not_found"


def test_cancelling_works_and_may_be_repeated(cast, editor, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    assert post(editor, f"{JOBS}/1/cancel").json()["state"] == "cancelled"
    assert post(editor, f"{JOBS}/1/cancel").status_code == 200


def test_pausing_resuming_and_cancelling_over_rest(cast, editor, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    assert post(editor, f"{JOBS}/1/pause").json()["state"] == "paused"
    assert post(editor, f"{JOBS}/1/resume").json()["state"] == "queued"
    post(editor, f"{JOBS}/1/cancel")
    response = post(editor, f"{JOBS}/1/pause")
    assert (response.status_code, response.json()["code"]) == (409, "not_pausable")
    response = post(editor, f"{JOBS}/1/resume")
    assert (response.status_code, response.json()["code"]) == (409, "not_paused")


def test_a_viewer_may_look_but_neither_queue_nor_cancel(cast, viewer, order):
    post(cast.api(cast.editor), JOBS, order)
    acts = [post(viewer, f"{JOBS}/1/{act}", {}) for act in ("cancel", "pause", "resume", "retry")]
    for response in (post(viewer, JOBS, order), *acts):
        assert (response.status_code, response.json()["code"]) == (403, "not_allowed")
    assert [job.state for job in Job.objects.all()] == ["queued"]


@pytest.mark.parametrize("path", ["", "/log", "/metrics", "/cancel", "/pause", "/resume", "/retry"])
def test_an_outsider_finds_nothing(cast, editor, order, path):
    post(editor, JOBS, order)
    outsider = cast.api(cast.outsider)
    acts = path in {"/cancel", "/pause", "/resume", "/retry"}
    response = post(outsider, f"{JOBS}/1{path}", {}) if acts else outsider.get(f"{JOBS}/1{path}")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


@pytest.mark.parametrize("path", ["", "/1", "/1/log", "/1/metrics"])
def test_without_a_token_there_is_no_answer(client, db, path):
    assert client.get(f"{JOBS}{path}").status_code == 401


def test_openapi_documents_every_option_with_its_default_and_help(client, db):
    document = client.get("/api/v1/openapi.json").json()
    body = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    order = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    config = order["properties"]["config"]
    assert config["discriminator"]["propertyName"] == "method"
    named = {method: ref.rpartition("/")[2] for method, ref in config["discriminator"]["mapping"].items()}
    assert named == {name: method.options.__name__ for name, method in METHODS.items()}
    for method, name in named.items():
        documented = document["components"]["schemas"][name]["properties"]
        fields = METHODS[method].options.model_fields
        assert set(documented) == set(fields)
        for option, info in fields.items():
            assert documented[option].get("description") == info.description
            assert documented[option].get("default") == info.default
    assert documented["r"]["minimum"] == 1
    assert "config" not in order.get("required", [])
