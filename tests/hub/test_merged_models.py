"""Verified merged models as repositories of their own, read by the hub's own library and by transformers."""

import hashlib
import subprocess
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapters.models import Alias
from adapters.states import VersionStatus
from finetune_app.errors import UserError
from finetune_app.merges.repository import commit_of_merged
from finetune_app.merges.states import Verdict
from finetune_app.names import check_name
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import copy_of, peft_adapter
from tests.merges.makers import make_merged_model
from tests.tiny import make_tiny_base, tiny_base

pytestmark = pytest.mark.django_db(transaction=True)
REPO = "team/adder-Merged"


@pytest.fixture
def hub(people, hub_of):
    """What the viewer reads."""
    return hub_of(people.token(people.viewer))


@pytest.fixture
def second(people, base, version, tmp_path):
    """Version 2; `production` means the first."""
    Alias.objects.create(adapter=version.adapter, name="production", version=version)
    return make_version(base, copy_of(peft_adapter(), tmp_path / "second", lora_alpha=16), key="job-2")


def other_files(seed, folder):
    """The files of a merged model with other weights."""
    make_tiny_base(folder, seed=seed)
    stored = [(path.name, blobs.put_file(path)) for path in sorted(folder.iterdir())]
    return [{"path": name, "size": blob.size, "sha256": blob.sha256} for name, blob in stored]


def test_transformers_load_it_by_its_name_alone(people, version, run_program):
    Alias.objects.create(adapter=version.adapter, name="production", version=version)
    merged = make_merged_model(version)
    here = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    with torch.no_grad():
        expected = here(torch.arange(1, 25)[None]).logits[0, -1].tolist()
    tokenizer = AutoTokenizer.from_pretrained(tiny_base())
    found = run_program(people.token(people.viewer), "load_merged", REPO, "production", commit_of_merged(merged))
    assert found["logits"] == pytest.approx(expected, abs=1e-5)
    assert found["tokens"] == tokenizer("Where is my parcel?").input_ids
    assert found["chat"] == "<|im_start|>user\nHello<|im_end|>\n"


def test_a_snapshot_is_the_whole_merged_model(version, hub):
    merged = make_merged_model(version)
    folder = Path(hub.snapshot_download(REPO, revision="1"))
    assert folder.name == commit_of_merged(merged)
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert found.items() >= {file["path"]: file["sha256"] for file in merged.files}.items()
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=False)
    assert checked.returncode == 0
    assert sorted(hub.list_repo_files(REPO)) == sorted(found)
    assert hub.file_exists(REPO, "model.safetensors", revision="1")


def test_number_alias_commit_and_main_mean_the_newest_verified(version, second, hub, tmp_path):
    old = make_merged_model(version)
    new = make_merged_model(version, files=other_files(3, tmp_path / "3"))
    last = make_merged_model(second, files=other_files(4, tmp_path / "4"))
    make_merged_model(second, verdict=Verdict.REJECTED, files=other_files(5, tmp_path / "5"))
    make_merged_model(second, state=TaskState.RUNNING)
    commits = [commit_of_merged(merged) for merged in (old, new, last)]
    meant = {"1": commits[1], "production": commits[1], "2": commits[2], "main": commits[2]}
    meant |= {commit: commit for commit in commits}
    assert {name: hub.model_info(REPO, revision=name).sha for name in meant} == meant
    refs = hub.list_repo_refs(REPO)
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": commits[2], "production": commits[1]}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"1": commits[1], "2": commits[2]}


def test_a_rejected_one_is_never_served(version, second, hub):
    rejected = make_merged_model(version, verdict=Verdict.REJECTED)
    with pytest.raises(RepositoryNotFoundError):
        hub.auth_check(REPO)
    make_merged_model(second)
    for revision in ("1", "production", "staging"):
        with pytest.raises(RevisionNotFoundError):
            hub.model_info(REPO, revision=revision)
    Alias.objects.update(version=second)
    rejected.files = rejected.files[:-1]
    rejected.save()
    with pytest.raises(RevisionNotFoundError):
        hub.snapshot_download(REPO, revision=commit_of_merged(rejected))


def test_main_passes_over_what_is_retired(version, second, hub):
    first, _ = make_merged_model(version), make_merged_model(second)
    second.status = VersionStatus.RETIRED
    second.save()
    assert hub.model_info(REPO).sha == commit_of_merged(first)
    version.status = VersionStatus.RETIRED
    version.save()
    with pytest.raises(RevisionNotFoundError, match="retired"):
        hub.model_info(REPO)


def test_others_are_told_nothing(people, version, hub, hub_of):
    make_merged_model(version)
    outsider = hub_of(people.token(people.outsider))
    for reader, repo in ((outsider, REPO), (hub_of(""), REPO), (hub, "adder-Merged"), (hub, "team/other-Merged")):
        with pytest.raises(RepositoryNotFoundError):
            reader.model_info(repo)


def test_no_adapter_can_have_such_a_name():
    with pytest.raises(UserError):
        check_name("adder-Merged")
