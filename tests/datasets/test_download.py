"""The rows of a version as a file: JSONL as it lies in the storage, Parquet made by a worker, both resumable."""

import hashlib
import io
import json

import pyarrow.parquet as pq
import pytest

from finetune_app.datasets.models import DatasetTask
from finetune_app.storage import blobs
from tests.adapters.makers import Downloader
from tests.datasets.makers import chat, jsonl
from tests.datasets.tasks import put, put_old_array, run_task, run_task_at

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/w/team/datasets/support/v/1/download"
REST = "/api/v1/datasets/support/versions/1/download"
ROWS = [chat(f"{number}? ü", f"Answer {number}.", note=number) for number in range(50)]
both = pytest.mark.parametrize("url", [PAGE, REST])


@both
def test_jsonl_is_the_versions_own_bytes(cast, url):
    version = put(cast, "support", *ROWS)
    answer = Downloader(cast, cast.viewer).get(url)
    assert (answer.status, answer.body) == (200, jsonl(*ROWS))
    assert answer.headers["ETag"] == f'"{version.sha256}"'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="support-v1.jsonl"'
    assert not version.tasks.filter(kind="export").exists()


@both
def test_a_download_that_broke_off_is_taken_up_where_it_stopped(cast, url):
    put(cast, "support", *ROWS)
    browser = Downloader(cast, cast.viewer)
    whole = browser.get(url)
    have = whole.body[:100]
    rest = browser.get(url, range="bytes=100-", if_range=whole.headers["ETag"])
    assert (rest.status, have + rest.body) == (206, whole.body)
    assert browser.head(url).headers["Content-Length"] == str(len(whole.body))
    assert browser.get(url, if_none_match=whole.headers["ETag"]).status == 304
    assert browser.get(url, range="bytes=999999-").status == 416


def test_rest_makes_parquet_once_and_then_gives_it(cast):
    put(cast, "support", *ROWS)
    url, viewer = f"{REST}?format=parquet", Downloader(cast, cast.viewer)
    asked = viewer.get(url)
    assert asked.status == 202
    done = run_task_at(cast.api(cast.viewer), json.loads(asked.body)["task"]["url"])
    assert (done["state"], done["result"]["rows"]) == ("succeeded", 50)
    answer = viewer.get(url)
    assert answer.status == 200
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="support-v1.parquet"'
    assert pq.read_table(io.BytesIO(answer.body)).to_pylist() == ROWS
    part = viewer.get(url, range="bytes=4-99")
    assert (part.status, part.body) == (206, answer.body[4:100])
    assert DatasetTask.objects.filter(kind="export").count() == 1


def test_the_page_waits_for_the_file_and_then_offers_it(cast):
    put(cast, "support", *ROWS)
    browser, url = cast.client(cast.viewer), f"{PAGE}?format=parquet"
    waiting = browser.get(url).content.decode()
    assert "Writing parquet" in waiting
    assert "<html" not in browser.get(url, headers={"HX-Request": "true"}).content.decode()
    run_task(DatasetTask.objects.get(kind="export"))
    ready = browser.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "The file is ready" in ready
    assert url in ready
    assert Downloader(cast, cast.viewer).get(url).body.startswith(b"PAR1")


def test_a_version_that_is_one_array_is_written_as_lines_without_its_bad_rows(cast):
    put_old_array(cast, "support", *ROWS)
    viewer = Downloader(cast, cast.viewer)
    asked = viewer.get(REST)
    assert asked.status == 202
    run_task_at(cast.api(cast.viewer), json.loads(asked.body)["task"]["url"])
    assert [json.loads(line) for line in viewer.get(REST).body.splitlines()] == ROWS


def test_a_file_that_could_not_be_made_is_said_and_tried_again(cast):
    version = put(cast, "support", *ROWS)
    blobs.delete(version.sha256)
    browser, url = cast.client(cast.viewer), f"{PAGE}?format=parquet"
    browser.get(url)
    task = run_task(DatasetTask.objects.get(kind="export"))
    assert task.error_code == "files_missing"
    assert "that did not work" in browser.get(url, headers={"HX-Request": "true"}).content.decode()
    blobs.put_bytes(jsonl(*ROWS))
    assert "Waiting for a worker" in browser.get(url).content.decode()


def test_rest_tells_of_a_file_that_could_not_be_made_until_it_is_asked_again(cast):
    version = put(cast, "support", *ROWS)
    blobs.delete(version.sha256)
    rest, viewer, url = cast.api(cast.viewer), Downloader(cast, cast.viewer), f"{REST}?format=parquet"
    run_task_at(rest, json.loads(viewer.get(url).body)["task"]["url"])
    for _ in range(2):
        answer = viewer.get(url)
        task = json.loads(answer.body)["task"]
        assert (answer.status, task["state"], task["error"]["code"]) == (202, "failed", "files_missing")
    blobs.put_bytes(jsonl(*ROWS))
    again = json.loads(viewer.get(f"{url}&again=true").body)["task"]
    assert again["state"] == "queued"
    run_task_at(rest, again["url"])
    assert viewer.get(f"{url}&again=true").status == 200


def test_other_formats_are_refused(cast):
    put(cast, "support", *ROWS)
    viewer = Downloader(cast, cast.viewer)
    assert viewer.get(f"{REST}?format=csv").status == 422
    assert viewer.get(f"{PAGE}?format=csv").status == 422


@both
def test_an_outsider_gets_nothing(cast, url):
    put(cast, "support", *ROWS)
    assert Downloader(cast, cast.outsider).get(url).status == 404
    assert Downloader(cast, cast.outsider).get(f"{url}?format=parquet").status == 404


def test_the_versions_page_offers_downloads_to_all_and_the_rest_to_editors(cast):
    put(cast, "support", *ROWS)
    text = cast.client(cast.viewer).get("/w/team/datasets/support/v/1/").content.decode()
    assert "download?format=parquet" in text
    assert "/derive" not in text
    assert "/delete" not in text
    editors = cast.client(cast.editor).get("/w/team/datasets/support/v/1/").content.decode()
    assert "/w/team/datasets/support/v/1/derive" in editors
    assert "/w/team/datasets/support/v/1/delete" in editors
