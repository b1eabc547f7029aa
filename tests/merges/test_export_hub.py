"""A merged model is pushed to the hub by a worker's child, with the workspace's token; the server is a real one."""

import threading

import pytest
from django.conf import settings
from django.db import connection
from pydantic import ValidationError

from finetune_app.accounts.models import HubToken
from finetune_app.accounts.services.set_hub_token import set_hub_token
from finetune_app.merges.export_options import HubOptions
from finetune_app.merges.models import Export
from finetune_app.storage import blobs
from finetune_app.work.run_task import cancel
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.hub_write_server import serve_writable_hub
from tests.merges.makers import make_merged_model
from tests.merges.sending import export
from tests.quiet_pulse import pulse_rests

__all__ = ["pulse_rests"]
TOKEN = "hf_the-workspaces-own"
OPTIONS = HubOptions(repository="acme/adder")


@pytest.fixture
def merged(cast, tiny_base, tmp_path):
    """Merged model 1 of `adder@1`, of a workspace with a token."""
    set_hub_token(cast.access(cast.owner), token=TOKEN)
    return make_merged_model(make_version(tiny_base, tmp_path / "adapter", user=cast.editor))


@pytest.fixture
def served(monkeypatch):
    """The hub that the workers reach, and what was written to it."""
    with serve_writable_hub(TOKEN, owner="acme") as (hub, written):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub, written


def test_the_repository_has_the_merged_models_files_and_the_export_its_commit(merged, served):
    hub, written = served
    seen = []

    def look() -> None:
        for path in settings.WORK_FOLDER.rglob("*"):
            if path.is_file():
                seen.append(path.name)
                assert TOKEN.encode() not in path.read_bytes()

    written.on_upload = look
    done = export(merged, OPTIONS)
    assert (done.state, done.error) == (TaskState.SUCCEEDED, "")
    assert "hub_send.json" in seen
    commit = hub.repos["acme/adder"].branches["main"]
    assert (done.result["commit"], done.result["repository"]) == (commit, "acme/adder")
    assert (done.files, done.size) == ([], 0)
    files = hub.repos["acme/adder"].commits[commit]
    for file in merged.files:
        assert files[file["path"]] == blobs.read(file["sha256"])
    assert files.keys() - {file["path"] for file in merged.files} == {
        ".gitattributes",
        "README.md",
        "SHA256SUMS",
        "graft_merge.json",
    }
    assert written.commits[0]["summary"] == "adder@1 merged into tiny@1"
    assert merged.report_sha256 in written.commits[0]["description"]


def test_without_a_token_nothing_is_begun_and_it_says_where_to_set_one(merged, served):
    HubToken.objects.all().delete()
    failed = export(merged, OPTIONS)
    assert (failed.state, failed.error_code) == (TaskState.FAILED, "hub_token_missing")
    assert "Settings, Hub token" in failed.error
    assert served[0].asked == []


def test_a_refusal_of_the_hub_is_said_in_words_and_the_log_has_no_token(merged, served, caplog, cast):
    set_hub_token(cast.access(cast.owner), token="hf_of-somebody-who-left")
    failed = export(merged, OPTIONS)
    assert (failed.state, failed.error_code) == (TaskState.FAILED, "sending_refused")
    assert "does not know the workspace's token" in failed.error
    assert "hf_of-somebody" not in caplog.text + failed.error


@pytest.mark.django_db(transaction=True)
def test_who_stops_it_in_the_middle_finds_no_commit(cast, merged, served):
    hub, written = served
    ended = threading.Event()

    def stop() -> None:
        cancel(Export.objects.get())
        connection.close()
        ended.wait(20)  # the upload never comes to its end

    written.on_upload = stop
    try:
        stopped = export(merged, OPTIONS)
    finally:
        ended.set()
    assert (stopped.state, stopped.error_code) == (TaskState.FAILED, "cancelled")
    assert written.commits == []
    assert hub.repos["acme/adder"].commits[hub.repos["acme/adder"].branches["main"]].keys() == {".gitattributes"}


@pytest.mark.parametrize(
    "name", ["adder", "acme/", "/adder", "acme/adder/v1", "acme/ad der", "a\nb/c", "acme/../x", "ä/b"]
)
def test_a_name_of_no_repository_is_refused_when_the_export_is_asked_for(name):
    with pytest.raises(ValidationError):
        HubOptions(repository=name)
