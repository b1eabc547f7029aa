"""The hub's own library reads adapters and base models: every call that says what there is, and every refusal."""

import hashlib
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from adapters.models import Alias
from adapters.states import VersionStatus
from finetune_app.accounts.models import ApiToken
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import copy_of, peft_adapter
from tests.tiny_base import register_tiny_base

pytestmark = pytest.mark.django_db(transaction=True)
REPO = "team/adder"


@pytest.fixture
def second(people, base, version, tmp_path):
    """Version 2, which is not in production."""
    made = make_version(base, copy_of(peft_adapter(), tmp_path / "second", lora_alpha=16), key="job-2")
    Alias.objects.create(adapter=version.adapter, name="production", version=version)
    return made


@pytest.fixture
def hub(people, hub_of):
    """What the viewer reads."""
    return hub_of(people.token(people.viewer))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def status_of(error: type[HfHubHTTPError], call: Callable[..., object], *args: str, **named: str) -> int:
    with pytest.raises(error) as refused:
        call(*args, **named)
    assert type(refused.value) is error
    return refused.value.response.status_code


def test_a_snapshot_is_the_whole_version(version, hub):
    folder = Path(hub.snapshot_download(REPO))
    assert folder.name == version.manifest_sha256[:40]
    found = {path.relative_to(folder).as_posix(): digest(path) for path in folder.rglob("*") if path.is_file()}
    listed = {file["path"]: file["sha256"] for file in version.manifest["files"]}
    assert found.items() >= (listed | {"manifest.json": version.manifest_sha256}).items()
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    assert sorted(sums) == sorted(f"{found[path]}  {path}" for path in found if path != "SHA256SUMS")


def test_a_snapshot_comes_from_the_storage_itself_where_that_is_allowed(
    storage, settings, request, people, hub, server
):
    settings.DIRECT_DOWNLOADS = True
    version = make_version(register_tiny_base(people.team), peft_adapter())
    folder = Path(hub.snapshot_download(REPO, revision="1"))
    for file in version.manifest["files"]:
        assert digest(folder / file["path"]) == file["sha256"]
    asked = urllib.request.Request(
        f"{server.url}/team/adder/resolve/1/adapter_model.safetensors",
        headers={"Authorization": f"Bearer {people.token(people.viewer)}"},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        is_direct = not answer.url.startswith(server.url)
    assert is_direct == (request.node.callspec.params["storage"] == "s3")


def test_number_alias_commit_and_main_mean_what_they_say(version, second, hub):
    first, last = version.manifest_sha256[:40], second.manifest_sha256[:40]
    meant = {"1": first, "2": last, "production": first, "main": last, first: first, last: last}
    assert {name: hub.model_info(REPO, revision=name).sha for name in meant} == meant


def test_main_is_the_newest_that_is_not_retired(version, second, hub):
    second.status = VersionStatus.RETIRED
    second.save()
    assert hub.model_info(REPO).sha == version.manifest_sha256[:40]
    assert hub.model_info(REPO, revision="2").sha == second.manifest_sha256[:40]
    version.status = VersionStatus.RETIRED
    version.save()
    assert status_of(RevisionNotFoundError, hub.model_info, REPO) == 404
    assert [ref.name for ref in hub.list_repo_refs(REPO).branches] == ["production"]
    hub.auth_check(REPO)


def test_what_there_is_can_be_asked(version, second, hub):
    sizes = {file["path"]: file["size"] for file in version.manifest["files"]}
    assert set(hub.list_repo_files(REPO, revision="production")) == {*sizes, "manifest.json", "SHA256SUMS"}
    tree = hub.list_repo_tree(REPO, recursive=True, revision="1")
    assert {file.path: file.size for file in tree}.items() >= sizes.items()
    found = hub.get_paths_info(REPO, ["adapter_config.json", "nothing.bin"], revision="1")
    assert [file.path for file in found] == ["adapter_config.json"]
    assert hub.file_exists(REPO, "adapter_model.safetensors")
    assert not hub.file_exists(REPO, "adapter_model.bin")
    assert hub.revision_exists(REPO, "production")
    assert not hub.revision_exists(REPO, "staging")
    hub.auth_check(REPO)


def test_the_revisions_that_have_names_are_listed(version, second, hub):
    refs = hub.list_repo_refs(REPO)
    first, last = version.manifest_sha256[:40], second.manifest_sha256[:40]
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": last, "production": first}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"1": first, "2": last}


def test_the_library_finds_its_download_whole(version, hub):
    hub.snapshot_download(REPO, revision="1")
    checked = hub.verify_repo_checksums(REPO, revision="1")
    assert (checked.mismatches, checked.missing_paths, checked.extra_paths) == ([], [], [])
    assert checked.checked_count == len(version.manifest["files"]) + 2


def test_a_second_snapshot_downloads_nothing(version, hub, server):
    hub.snapshot_download(REPO, revision="1")
    server.asked.clear()
    hub.snapshot_download(REPO, revision="1")
    assert server.asked == ["GET /api/models/team/adder/revision/1"]
    hub.hf_hub_download(REPO, "README.md")
    assert server.asked[1:] == ["HEAD /team/adder/resolve/main/README.md"]


def test_an_alias_that_moved_gives_the_other_version(version, second, hub):
    assert (
        '"lora_alpha": 8' in Path(hub.hf_hub_download(REPO, "adapter_config.json", revision="production")).read_text()
    )
    Alias.objects.update(version=second)
    folder = Path(hub.snapshot_download(REPO, revision="production"))
    assert folder.name == second.manifest_sha256[:40]
    assert '"lora_alpha": 16' in (folder / "adapter_config.json").read_text()


def test_without_a_token_nothing_is_said(version, hub_of):
    nobody = hub_of("")
    assert status_of(RepositoryNotFoundError, nobody.model_info, REPO) == 401
    assert status_of(RepositoryNotFoundError, nobody.model_info, "team/nothing") == 401
    assert status_of(RepositoryNotFoundError, nobody.hf_hub_download, REPO, "README.md") == 401


def test_a_token_that_was_revoked_reads_nothing_more(version, hub):
    ApiToken.objects.update(revoked_at=timezone.now() - timedelta(seconds=1))
    assert status_of(HfHubHTTPError, hub.model_info, REPO) == 401
    assert status_of(HfHubHTTPError, hub.snapshot_download, REPO) == 401
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        hub.whoami()


def test_another_workspaces_repositories_are_not_there(people, version, hub_of):
    outsider = hub_of(people.token(people.outsider))
    for repo in (REPO, "elsewhere/adder", "tiny"):
        assert status_of(RepositoryNotFoundError, outsider.model_info, repo) == 404
        assert status_of(RepositoryNotFoundError, outsider.auth_check, repo) == 404
    assert status_of(RepositoryNotFoundError, outsider.snapshot_download, REPO, revision="1") == 404
    assert status_of(RepositoryNotFoundError, outsider.hf_hub_download, REPO, "README.md") == 404


def test_what_is_not_there_is_said_so(version, hub):
    assert status_of(RevisionNotFoundError, hub.model_info, REPO, revision="7") == 404
    assert status_of(RevisionNotFoundError, hub.hf_hub_download, REPO, "README.md", revision="staging") == 404
    assert status_of(RemoteEntryNotFoundError, hub.hf_hub_download, REPO, "adapter_model.bin") == 404
    assert status_of(RepositoryNotFoundError, hub.model_info, "meta-llama/Llama-2-7b-hf") == 404
    assert status_of(RepositoryNotFoundError, hub.dataset_info, REPO) == 404


def test_the_token_says_whose_it_is(hub):
    told = hub.whoami()
    assert (told["name"], [org["name"] for org in told["orgs"]]) == ("viewer", ["team"])


def test_a_base_model_is_read_the_same_way(base, hub):
    for repo in ("team/tiny", "tiny"):
        found = {path.name: digest(path) for path in Path(hub.snapshot_download(repo)).iterdir()}
        assert found == {file["path"]: file["sha256"] for file in base.files}


def test_a_plain_name_never_guesses_between_revisions(people, base, hub):
    newer = register_tiny_base(people.team, seed=1)
    for revision, repo, named in ((newer, "team/tiny", None), (base, "team/tiny", "1"), (base, "tiny", "1")):
        info = hub.model_info(repo, revision=named, files_metadata=True)
        assert {file.lfs["sha256"] for file in info.siblings} == {file["sha256"] for file in revision.files}
    with pytest.raises(RevisionNotFoundError, match="name the one that you mean"):
        hub.model_info("tiny")


def test_an_adapter_goes_before_a_base_model_of_the_same_name(people, version, hub):
    register_tiny_base(people.team, name="adder")
    assert "adapter_config.json" in hub.list_repo_files(REPO)


def test_a_browser_that_is_signed_in_reads_nothing(cast, tiny_base, client_for):
    client = client_for(cast.editor)
    assert client.get("/api/models/team/tiny").status_code == 401
    assert client.get("/team/tiny/resolve/main/config.json").status_code == 401
