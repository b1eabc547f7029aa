"""A job that continues from an adapter version: what is stored, what is refused, and what the form offers."""

import pytest

from adapters.services.move_alias import move_alias
from finetune_app.jobs.models import Job
from tests.jobs.adapter_versions import make_adapter_version
from tests.jobs.makers import make_version
from tests.jobs.test_new_job_page import error_beside, filled
from tests.pages import one_line, words
from tests.tiny_base import register_tiny_base

JOBS = "/api/v1/jobs"
SHAPE = {"r": 8, "lora_alpha": 16}


@pytest.fixture
def version(tiny_base):
    return make_adapter_version(tiny_base)


@pytest.fixture
def order(cast, version):
    make_version(cast.team, cast.owner)
    return {"adapter": "next", "dataset": "sums", "base_model": "tiny", "config": SHAPE, "continues": "adder@1"}


@pytest.fixture
def post(cast):
    return lambda body: cast.api(cast.editor).post(JOBS, body, content_type="application/json")


def test_the_job_names_its_ancestor_everywhere(cast, post, order, version):
    response = post(order)
    assert response.status_code == 202, response.content
    assert response.json()["continues"] == "adder@1"
    assert Job.objects.get().continues == version
    assert "continues: adder@1\n" in cast.api(cast.viewer).get(f"{JOBS}/1/config.yaml").content.decode()
    html = one_line(cast.client(cast.viewer).get("/w/team/jobs/1/").content.decode())
    assert "Continued from adder@1" in words(html)
    assert "/w/team/adapters/adder/v/1/" in html


def test_the_newest_version_is_meant_when_no_number_is_named(post, order, tiny_base):
    newest = make_adapter_version(tiny_base, source_key="the second")
    assert post(order | {"continues": "adder"}).json()["continues"] == str(newest) == "adder@2"


def test_an_alias_means_the_version_that_it_means_at_that_moment(cast, post, order, version, tiny_base):
    editor = cast.access(cast.editor)
    move_alias(editor, version, "production")
    assert post(order | {"continues": "adder@production"}).json()["continues"] == "adder@1"
    move_alias(editor, make_adapter_version(tiny_base, source_key="the second"), "production")
    assert Job.objects.get().continues == version


def test_a_base_of_other_content_is_refused_and_what_differs_is_said(cast, post, order):
    register_tiny_base(cast.team, seed=1)
    body = post(order | {"base_model": "tiny@2"}).json()
    assert (body["code"], body["field"]) == ("adapter_of_other_base", "continues")
    assert "adder@1 was trained on tiny@1; tiny@2 differs from it in its weights." in body["message"]
    assert not Job.objects.exists()


def test_the_same_content_under_another_name_is_the_same_base(cast, post, order):
    register_tiny_base(cast.team, name="twin")
    assert post(order | {"base_model": "twin"}).status_code == 202


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"r": 16}, "config.r", "adder@1 has Rank (r): 8."),
        ({"init_lora_weights": "pissa", "quantization": "none"}, "config.init_lora_weights", "the default ones"),
    ],
)
def test_an_adapter_of_another_shape_is_refused_beside_its_option(post, order, change, field, says):
    body = post(order | {"config": SHAPE | change}).json()
    assert (body["code"], body["field"]) == ("adapter_shape_differs", field)
    assert says in body["message"]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("reference", "code"), [("nobody@1", "adapter_version_not_found"), ("a@B", "invalid_reference")]
)
def test_a_version_that_is_not_there_is_refused(post, order, reference, code):
    response = post(order | {"continues": reference})
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (422, code, "continues")


def test_a_version_of_another_workspace_is_not_there(cast, order):
    register_tiny_base(cast.elsewhere)
    make_version(cast.elsewhere, cast.outsider)
    response = cast.api(cast.outsider).post(JOBS, order, content_type="application/json")
    assert response.json()["code"] == "adapter_version_not_found"


def test_the_version_s_page_leads_to_a_form_with_its_base_and_its_shape(cast, version):
    make_version(cast.team, cast.owner)
    editor = cast.client(cast.editor)
    page = editor.get("/w/team/adapters/adder/v/1/").content.decode()
    assert "/w/team/jobs/new?continues=adder%401" in page
    assert "jobs/new?continues" not in cast.client(cast.viewer).get("/w/team/adapters/adder/v/1/").content.decode()
    form = filled(editor.get("/w/team/jobs/new?continues=adder%401").content.decode())
    shown = {name: form[name] for name in ("continues", "base_model", "adapter", "r", "lora_alpha")}
    assert shown == {
        "continues": ["adder@1"],
        "base_model": ["tiny@1"],
        "adapter": ["adder"],
        "r": ["8"],
        "lora_alpha": ["16"],
    }


def test_the_form_marks_what_differs_and_starts_the_job_when_it_is_mended(cast, version):
    make_version(cast.team, cast.owner)
    editor = cast.client(cast.editor)
    form = filled(editor.get("/w/team/jobs/new?continues=adder%401").content.decode())
    refused = editor.post("/w/team/jobs/new", form | {"r": "16"})
    assert refused.status_code == 422
    assert "adder@1 has Rank (r): 8." in error_beside(refused, "r")
    assert not Job.objects.exists()
    assert editor.post("/w/team/jobs/new", form).status_code == 302
    assert Job.objects.get().continues == version
    again = filled(editor.get("/w/team/jobs/new?from=1").content.decode())
    assert again["continues"] == ["adder@1"]


def test_without_any_version_the_form_does_not_ask(cast, tiny_base):
    make_version(cast.team, cast.owner)
    assert "Start from" not in cast.client(cast.editor).get("/w/team/jobs/new").content.decode()
