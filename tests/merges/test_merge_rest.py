"""Merged models over REST: ask, look, stop, try again, and who may."""

import pytest

from finetune_app.merges.models import MergedModel
from finetune_app.merges.states import Verdict
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model, make_report

ALL = "/api/v1/adapters/adder/versions/1/merged"
ONE = f"{ALL}/1"


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def editor(cast):
    return cast.api(cast.editor)


def post(client, address, **body):
    return client.post(address, body, content_type="application/json")


def test_a_merge_is_asked_for_with_nothing_but_the_version(editor, version):
    answer = post(editor, ALL)
    assert answer.status_code == 202
    found = answer.json()
    assert found["options"] == {"dtype": "bfloat16", "onto": "original", "compare_ways": False, "prompts": 64}
    assert (found["reference"], found["base_model"], found["dataset"]) == ("adder@1/1", "tiny@1", None)
    assert (found["state"], found["verdict"], found["error"], found["size"]) == ("queued", None, None, 0)
    assert found["url"].endswith(ONE)
    assert editor.get(ONE).json() == found
    assert post(editor, ALL, options={"dtype": "bfloat16"}).json() == found


def test_a_whole_one_has_its_verdict_and_its_report(cast, version):
    make_merged_model(version, verdict=Verdict.REJECTED, result={"kl": 0.31, "top1": 0.998})
    client = cast.api(cast.viewer)
    found = client.get(ONE).json()
    assert (found["state"], found["verdict"], found["kl"], found["top1"]) == ("succeeded", "rejected", 0.31, 0.998)
    assert found["size"] == MergedModel.objects.get().size
    report = client.get(f"{ONE}/report")
    assert report.json() == make_report(Verdict.REJECTED).model_dump(mode="json")


def test_those_of_a_version_are_listed_the_newest_first(cast, version):
    for _ in range(3):
        make_merged_model(version)
    found = cast.api(cast.viewer).get(ALL, {"limit": 2}).json()
    assert ([item["number"] for item in found["items"]], found["count"]) == ([3, 2], 3)


def test_wrong_fields_are_named_each_with_a_sentence(editor, version):
    answer = post(editor, ALL, options={"prompts": 7, "rank": 3})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
    assert answer.json()["details"] == [
        {"field": "options.prompts", "message": "Must be 64 or more."},
        {"field": "options.rank", "message": "There is no such option."},
    ]
    base = post(editor, ALL, base_model="tiny@9")
    assert (base.status_code, base.json()["field"]) == (422, "base_model")
    onto = post(editor, ALL, options={"onto": "quantized"})
    assert (onto.status_code, onto.json()["code"]) == (422, "not_trained_quantized")
    other = post(editor, ALL, precision="float32")
    assert (other.status_code, other.json()["code"]) == (422, "invalid_fields")
    assert MergedModel.objects.count() == 0


def test_it_is_stopped_and_tried_again(editor, version):
    post(editor, ALL)
    stopped = post(editor, f"{ONE}/cancel").json()
    assert (stopped["state"], stopped["error"]["code"]) == ("failed", "cancelled")
    assert post(editor, f"{ONE}/cancel").json()["code"] == "merge_over"
    again = post(editor, f"{ONE}/try-again").json()
    assert (again["number"], again["state"], again["error"]) == (1, "queued", None)
    answer = post(editor, f"{ONE}/try-again")
    assert (answer.status_code, answer.json()["code"]) == (409, "merge_not_failed")


def test_a_viewer_looks_and_does_nothing(cast, version):
    make_merged_model(version, state=TaskState.QUEUED)
    viewer = cast.api(cast.viewer)
    assert viewer.get(ONE).status_code == 200
    assert [post(viewer, address).status_code for address in (ALL, f"{ONE}/cancel", f"{ONE}/try-again")] == [403] * 3
    assert MergedModel.objects.get().state == TaskState.QUEUED


def test_an_outsider_finds_nothing(cast, version):
    make_merged_model(version)
    outsider = cast.api(cast.outsider)
    assert [outsider.get(address).status_code for address in (ALL, ONE, f"{ONE}/report")] == [404] * 3
    assert [post(outsider, address).status_code for address in (ALL, f"{ONE}/cancel")] == [404] * 2


def test_there_is_no_report_before_the_end(editor, version):
    make_merged_model(version, state=TaskState.QUEUED)
    answer = editor.get(f"{ONE}/report")
    assert (answer.status_code, answer.json()["code"]) == (404, "report_of_a_merged_model_not_found")


def test_an_alias_stands_for_the_version(editor, version):
    version.adapter.aliases.create(name="production", version=version)
    found = post(editor, "/api/v1/adapters/adder/versions/production/merged").json()
    assert found["reference"] == "adder@1/1"


def test_openapi_tells_the_options(editor, db):
    document = editor.get("/api/v1/openapi.json").json()
    options = document["components"]["schemas"]["MergeOptions"]["properties"]
    assert options["prompts"]["minimum"] == 64
    assert options["dtype"]["title"] == "Precision of the weights"
    operation = document["paths"]["/api/v1/adapters/{name}/versions/{label}/merged"]["post"]
    assert operation["summary"] == "Merge an adapter version into its base"
