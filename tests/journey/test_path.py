"""The main job from the upload to a loaded adapter, over REST."""

import hashlib
import io
import zipfile

import httpx
import pytest

from tests.journey.fixtures import follow, queue, wait_for

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def made(stack):
    """A job that succeeded, and the adapter version that it made."""
    with stack.client() as rest:
        number = queue(rest, "triage")
        job = wait_for(rest, number)
        assert job["state"] == "succeeded", rest.get(f"/jobs/{number}/log").text
        version = rest.get(f"/adapters/triage/versions/{job['adapter_version']['version']}").json()
    return job, version


def test_the_job_tells_what_it_did(made):
    job, _ = made
    assert job["scores"]["rows"] == 4
    assert {"base", "tuned"} <= set(job["scores"])
    facts = job["facts"]
    assert facts["libraries"]["peft"]
    assert facts["evaluation"]["rows"] == 4
    # The time of the training, not of the scoring that came after it.
    assert facts["tokens"] / facts["seconds"] == pytest.approx(facts["tokens_per_second"], rel=0.01)


def test_every_line_is_there_once_and_in_order(made, rest):
    job, _ = made
    ids = [event_id for event_id, _ in follow(rest, job["number"])]
    assert ids == [f"1:{index}" for index in range(1, len(ids) + 1)]
    steps = [record["event"] for _, record in follow(rest, job["number"]) if record["event"]["type"] == "step"]
    assert [event["step"] for event in steps] == [1, 2, 3]


def test_the_metrics_are_those_of_the_log(made, rest):
    points = rest.get(f"/jobs/{made[0]['number']}/metrics").json()["items"]
    assert [point["step"] for point in points] == [1, 2, 3]
    assert all(point["loss"] > 0 and point["grad_norm"] > 0 for point in points)


def test_the_zip_holds_what_the_manifest_promises(made, rest, tmp_path):
    content = rest.get("/adapters/triage/versions/1/download").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "triage-v1"
    for file in made[1]["files"]:
        assert hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest() == file["sha256"]


def test_a_broken_download_goes_on_where_it_stopped(made, rest):
    whole = rest.get("/adapters/triage/versions/1/download")
    half = len(whole.content) // 2
    rest = rest.get(
        "/adapters/triage/versions/1/download",
        headers={"Range": f"bytes={half}-", "If-Range": whole.headers["ETag"]},
    )
    assert rest.status_code == httpx.codes.PARTIAL_CONTENT
    assert rest.content == whole.content[half:]


def test_the_files_load_with_plain_peft(made, rest, tmp_path, tiny_base_folder):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with zipfile.ZipFile(io.BytesIO(rest.get("/adapters/triage/versions/1/download").content)) as archive:
        archive.extractall(tmp_path)
    base = AutoModelForCausalLM.from_pretrained(tiny_base_folder)
    model = PeftModel.from_pretrained(base, tmp_path / "triage-v1")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "triage-v1")
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert "<|im_start|>user" in text
    assert model.active_peft_config.r == 4


def test_the_version_is_bound_to_its_base_and_knows_its_ancestors(made, rest):
    base = rest.get("/base-models/tiny").json()
    manifest = made[1]["manifest"]
    assert manifest["base"]["weights_root"] == base["revisions"][0]["weights_root"]
    dataset = rest.get("/datasets/support").json()["versions"][0]
    assert manifest["lineage"]["dataset_sha256"] == dataset["sha256"]
    assert manifest["lineage"]["config"]["r"] == 4
    assert manifest["lineage"]["job"] == made[0]["number"]
