"""A split of a dataset of the hub becomes a version through a real worker's hands; the hub is a server of this machine."""

from collections.abc import Iterator

import pytest

from finetune_app.datasets.import_source import HubDataset
from finetune_app.datasets.models import DatasetImport, DatasetVersion
from finetune_app.datasets.services.import_again import import_again
from finetune_app.datasets.services.import_from import import_from
from finetune_app.work.states import TaskState
from tests.datasets.imports import work_off
from tests.datasets.makers import chat, jsonl
from tests.hub_server import Hub, repo, serve_hub

CARD = (
    b"---\nconfigs:\n- config_name: main\n  data_files: main.jsonl\n"
    b"- config_name: other\n  data_files:\n  - split: train\n    path: [b.csv, a.csv]\n---\n# Chats\n"
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the dataset `team/chats`; the workers know no other."""
    files = {
        "README.md": CARD,
        "main.jsonl": jsonl(chat(), chat("Why?", "Because.")),
        "a.csv": b"question,reply\nWho?,Me.\n",
        "b.csv": b"question,reply\nWhen?,Now.\n",
    }
    with serve_hub({"team/chats": repo(files)}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def test_a_split_becomes_a_version_that_names_its_commit(cast, api, hub):
    access = cast.access(cast.editor)
    import_from(access, name="chats", source=HubDataset(repo_id="team/chats", subset="main"))
    found = work_off()
    assert (found.state, found.error) == (TaskState.SUCCEEDED, "")
    assert (found.version.rows, found.version.file_name) == (2, "main.jsonl")
    origin = found.version.origin
    assert (origin["subset"], origin["split"], len(origin["commit"])) == ("main", "train", 40)
    page = cast.client(cast.editor).get("/w/team/datasets/chats/v/1/").content.decode()
    assert f"Hugging Face hub: team/chats, main, train, commit {origin['commit'][:12]}" in page
    [source] = api(cast.editor).get("/api/v1/datasets/chats/versions/1").json()["sources"]
    assert (source["revision"], source["commit"]) == ("main", origin["commit"])


def test_what_is_missing_is_offered_and_the_files_are_fetched_once(cast, hub):
    access = cast.access(cast.editor)
    import_from(access, name="chats", source=HubDataset(repo_id="team/chats"))
    refused = work_off()
    assert (refused.error_code, refused.has_files) == ("subset_needed", False)
    assert refused.result["details"] == [{"choices": ["main", "other"]}]
    page = f"/w/team/datasets/imports/{refused.pk}/"
    browser = cast.client(cast.editor)
    assert '<option value="other">' in browser.get(page).content.decode()
    browser.post(f"{page}again", {"repo_id": "team/chats", "subset": "other"})
    unknown = work_off()
    assert (unknown.error_code, unknown.has_files) == ("no_good_rows", True)
    assert unknown.source["pins"]["subset"] == "other"
    asked = len(hub.asked)
    import_again(access, unknown, {"columns": {"prompt": "question", "completion": "reply"}})
    version = work_off().version
    assert [row["completion"] for row in version.first_rows] == ["Now.", "Me."]
    assert (version.origin["subset"], len(version.origin["commit"])) == ("other", 40)
    assert len(hub.asked) == asked
    assert DatasetVersion.objects.count() == DatasetImport.objects.count() == 1


def test_an_administrator_may_forbid_the_hub(cast, hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import_from(cast.access(cast.editor), name="chats", source=HubDataset(repo_id="team/chats"))
    assert work_off().error_code == "hub_offline"
    assert not hub.asked
