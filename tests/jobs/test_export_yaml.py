"""A job's config as YAML: it comes back as the same job, and wrong YAML is refused with a code."""

import pytest
import yaml

from finetune_app.jobs.config_options import OPTIONS_OF
from finetune_app.jobs.export_yaml import job_yaml
from finetune_app.jobs.methods import METHODS
from finetune_app.jobs.models import Job
from finetune_app.web.body_parser import MOST_YAML_BYTES, read_yaml
from tests.jobs.makers import make_job, make_version

JOBS = "/api/v1/jobs"
ODD = {
    "r": 7,
    "learning_rate": 2e-5,
    "target_modules": ["o_proj", "q_proj"],
    "rank_pattern": {"o_proj": 8},
    "layers_to_transform": [0, 1],
    "max_steps": 12,
    "seed": 2**32 - 1,
}


def post(client, body, content_type="application/yaml"):
    return client.post(JOBS, body, content_type=content_type)


@pytest.mark.parametrize("content_type", ["application/yaml", "application/x-yaml", "application/yaml; charset=utf-8"])
def test_an_exported_job_comes_back_as_the_same_job(cast, tiny_base, content_type):
    job = make_job(cast.access(cast.editor), tiny_base, **ODD)
    Job.objects.update(gpus=2, priority=1)
    editor = cast.api(cast.editor)
    exported = editor.get(f"{JOBS}/{job.number}/config.yaml")
    assert exported["Content-Type"] == "application/yaml; charset=utf-8"
    response = post(editor, exported.content, content_type)
    assert response.status_code == 202, response.content
    again = Job.objects.get(number=response.json()["number"])
    assert (again.gpus, again.priority) == (2, 1)
    for name in ("adapter_name", "base_revision_id", "dataset_version_id", "config", "continues_id"):
        assert getattr(again, name) == getattr(job, name)


@pytest.mark.parametrize("method", METHODS)
def test_every_option_of_every_method_is_written_under_its_words(method):
    config = METHODS[method].options().model_dump(mode="json")
    text = job_yaml(3, {"adapter": "no", "dataset": "1.0@2", "base_model": "b", "continues": None}, config)
    assert read_yaml(text.encode()) == {"adapter": "no", "dataset": "1.0@2", "base_model": "b", "config": config}
    for option in OPTIONS_OF[method].values():
        assert f"\n  {option.name}: " in text
    assert "  # LoRA\n" in text
    assert "  # Epochs\n" in text


def test_the_page_gives_the_same_file(cast, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base)
    response = cast.client(cast.viewer).get(f"/w/team/jobs/{job.number}/config.yaml")
    assert response.content == cast.api(cast.viewer).get(f"{JOBS}/{job.number}/config.yaml").content
    assert response["Content-Disposition"] == 'attachment; filename="job-1.yaml"'


@pytest.mark.parametrize("address", ["/w/team/jobs/1/config.yaml", "/w/elsewhere/jobs/1/config.yaml"])
def test_an_outsider_gets_no_file(cast, tiny_base, address):
    make_job(cast.access(cast.editor), tiny_base)
    assert cast.client(cast.outsider).get(address).status_code == 404
    assert cast.api(cast.outsider).get(f"{JOBS}/1/config.yaml").json()["code"] == "job_not_found"
    assert cast.client(cast.outsider).get(address.replace("config.yaml", "")).status_code == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("adapter: [", "line 1"),
        ("adapter: a\nadapter: b", "a key stands twice"),
        ("a: &big [1]\nb: *big", "aliases are not read"),
        ("- a list", "not a mapping"),
        ("", "not a mapping"),
        ("adapter: !!python/object/apply:os.system [true]", "constructor"),
        ("[" * 20_000, "cannot be read"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_a_code(cast, body, says):
    response = post(cast.api(cast.editor), body or " ")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_yaml")
    assert says in response.json()["message"]


def test_too_much_yaml_is_refused(cast):
    response = post(cast.api(cast.editor), "a: " + "x" * MOST_YAML_BYTES)
    assert (response.status_code, response.json()["code"]) == (413, "yaml_too_large")


def test_a_wrong_option_in_yaml_is_named_as_in_json(cast, tiny_base):
    make_version(cast.team, cast.owner)
    body = yaml.safe_dump({"adapter": "a", "dataset": "sums", "base_model": "tiny", "config": {"r": 0}})
    response = post(cast.api(cast.editor), body)
    assert (response.status_code, response.json()["field"]) == (422, "config.r")


def test_a_viewer_may_export_but_not_queue(cast, tiny_base):
    make_job(cast.access(cast.editor), tiny_base)
    viewer = cast.api(cast.viewer)
    exported = viewer.get(f"{JOBS}/1/config.yaml").content
    assert post(viewer, exported).status_code == 403


def test_openapi_says_that_yaml_is_taken(client, db):
    document = client.get("/api/v1/openapi.json").json()
    content = document["paths"]["/api/v1/jobs"]["post"]["requestBody"]["content"]
    assert content["application/yaml"]["schema"] == content["application/json"]["schema"]
