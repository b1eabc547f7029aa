"""An adapter that was made elsewhere becomes a version through a real worker's hands, or is refused and tried again."""

import hashlib
import io
import shutil
import zipfile

import pytest

from adapters.adapter_source import HubAdapter, SharedAdapter
from adapters.models import Adapter, AdapterImport, AdapterVersion
from adapters.services.import_adapter import import_adapter_from, import_uploaded_adapter
from adapters.services.import_adapter_again import import_adapter_again
from adapters.states import VersionOrigin
from finetune_app.errors import NotFound, UserError, WorkOver
from finetune_app.imports.end_import import give_up_import, sweep_imports
from finetune_app.storage import blobs, incoming
from finetune_app.uploads.models import Upload
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.adapter_imports import send, work_off, zipped
from tests.adapters.makers import make_version
from tests.adapters.peft_adapters import peft_adapter
from tests.hub_server import repo, serve_hub
from tests.tiny_base import register_tiny_base
from workers.adapter_importer.spec import ADAPTER_FOLDER, FOUND_NAME, FoundAdapter
from workers.registry_tasks.import_adapter import IMPORT_ADAPTER

WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


def sha256_of_weights() -> str:
    return hashlib.sha256((peft_adapter() / WEIGHTS).read_bytes()).hexdigest()


def weights_of(version: AdapterVersion) -> str:
    return next(file["sha256"] for file in version.manifest["files"] if file["path"] == WEIGHTS)


def begin_upload_of(editor, content: bytes, file_name: str = "support.zip", **named) -> AdapterImport:
    upload = send(editor, content, file_name)
    return import_uploaded_adapter(editor, **{"name": "support", "base": "tiny@1"} | named, uploads=[upload.pk])


def test_the_hub_is_read_at_one_commit(editor, tiny_base, monkeypatch):
    files = {path.name: path.read_bytes() for path in peft_adapter().iterdir()}
    below = {f"last/{name}": content for name, content in files.items()}
    source = HubAdapter(repo_id="lab/support", subfolder="last")
    with serve_hub({"lab/support": repo(below | {"last/optimizer.pt": b"x" * 1000}, kind="model")}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        import_adapter_from(editor, name="support", base="tiny", source=source)
        found = work_off()
        assert (found.state, found.error) == (TaskState.SUCCEEDED, "")
        assert not hub.downloads("optimizer.pt")
    told = found.version.manifest["lineage"]["source"]
    assert (told["repo_id"], told["subfolder"], len(told["commit"])) == ("lab/support", "last", 40)
    assert told["text"] == f"the Hugging Face hub: lab/support/last, commit {told['commit'][:12]}"
    assert weights_of(found.version) == sha256_of_weights()


def test_a_pickle_on_the_hub_is_refused_before_it_is_downloaded(editor, tiny_base, monkeypatch):
    files = {"adapter_config.json": b"{}", "adapter_model.bin": b"a pickle"}
    with serve_hub({"lab/old": repo(files, kind="model")}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        import_adapter_from(editor, name="support", base="tiny", source=HubAdapter(repo_id="lab/old"))
        found = work_off()
        assert (found.error_code, found.result["field"]) == ("adapter_pickled", "repo_id")
        assert "save_pretrained(new_folder)" in found.error
        assert not hub.downloads("adapter_model.bin")
        import_adapter_again(editor, found, base="tiny@1", source=HubAdapter(repo_id="lab/nothing"))
        assert work_off().error_code == "hub_not_found"


def test_a_download_of_graft_fits_only_the_base_that_it_names(cast, editor, tiny_base, downloads_for, tmp_path):
    make_version(tiny_base, peft_adapter(), user=cast.editor)
    archive = downloads_for(cast.viewer).get("/w/team/adapters/adder/v/1/download").body
    register_tiny_base(cast.team, seed=1)
    begin_upload_of(editor, archive, base="tiny@2", notes=" From the spring. ")
    refused = work_off()
    assert (refused.error_code, refused.result["field"]) == ("adapter_of_other_base", "base")
    assert "weights" in refused.error
    assert refused.has_files
    assert not Adapter.objects.filter(name="support").exists()

    import_adapter_again(editor, refused, base="tiny@1")
    found = work_off()
    assert (found.state, found.error) == (TaskState.SUCCEEDED, "")
    version = found.version
    assert (str(version), version.base_revision, version.origin) == ("support@1", tiny_base, VersionOrigin.IMPORTED)
    assert (version.notes, version.created_by) == ("From the spring.", cast.editor)
    assert weights_of(version) == sha256_of_weights()
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    kept = {name.partition("/")[2] for name in names if not name.endswith(("manifest.json", "SHA256SUMS"))}
    assert {file["path"] for file in version.manifest["files"]} == kept
    lineage = version.manifest["lineage"]
    assert (lineage["origin"], lineage["source"]["files"]) == ("imported", ["support.zip"])
    assert (lineage["source"]["was"]["adapter"], lineage["source"]["was"]["version"]) == ("adder", 1)
    assert (lineage["config"]["r"], sorted(lineage["config"]["target_modules"])) == (4, ["q_proj", "v_proj"])
    assert lineage["libraries"]["peft"]
    card = next(file["sha256"] for file in version.manifest["files"] if file["path"] == "README.md")
    assert "trained elsewhere" in blobs.read(card).decode()
    with pytest.raises(incoming.IncomingMissing):
        incoming.fetch(found.source["files"][0]["id"], tmp_path / "gone")


@pytest.fixture
def found_right(editor, tiny_base, tmp_path):
    """An import that a worker holds, whose child has found the adapter right; and its run folder."""
    begin_upload_of(editor, zipped(peft_adapter()))
    work = claim_next_task("light@test")
    shutil.copytree(peft_adapter(), tmp_path / ADAPTER_FOLDER)
    (tmp_path / FOUND_NAME).write_text(FoundAdapter(config={"r": 4}).model_dump_json())
    return work, tmp_path


def test_a_worker_that_dies_before_the_end_makes_no_second_version(found_right):
    work, folder = found_right
    IMPORT_ADAPTER.keep(work, folder, {})
    AdapterImport.objects.update(state=TaskState.QUEUED, version=None)
    IMPORT_ADAPTER.keep(claim_next_task("light@other"), folder, {})
    assert AdapterImport.objects.get().version == AdapterVersion.objects.get()


def test_nothing_is_registered_of_what_was_given_up(editor, found_right):
    work, folder = found_right
    give_up_import(editor, work)
    with pytest.raises(WorkOver):
        IMPORT_ADAPTER.keep(work, folder, {})
    assert not AdapterVersion.objects.exists()


def test_files_that_nobody_needs_go(editor, tiny_base):
    found = begin_upload_of(editor, zipped(peft_adapter()))
    AdapterImport.objects.update(state=TaskState.SUCCEEDED)
    sweep_imports(AdapterImport)
    found.refresh_from_db()
    assert not found.has_files


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "Support Bot!"}, "invalid_name"),
        ({"base": "nothing"}, "base_model_not_found"),
        ({"base": "tiny@9"}, "base_revision_not_found"),
        ({"notes": "x" * 10_001}, "notes_too_long"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_the_uploads_stay(editor, tiny_base, changes, code):
    with pytest.raises(UserError) as error:
        begin_upload_of(editor, b"zip", **changes)
    assert error.value.code == code
    assert (Upload.objects.count(), AdapterImport.objects.count()) == (1, 0)


def test_only_editors_import_and_only_their_own_uploads(cast, editor, tiny_base):
    upload = send(editor, b"zip", "a.zip")
    for person, error in ((cast.viewer, UserError), (cast.owner, NotFound), (cast.outsider, NotFound)):
        with pytest.raises(error):
            import_uploaded_adapter(cast.access(person), name="support", base="tiny", uploads=[upload.pk])
    with pytest.raises(UserError, match="owner/name"):
        import_adapter_from(editor, name="a", base="tiny", source=HubAdapter(repo_id="a/b/c"))
    with pytest.raises(UserError, match="No shared folder"):
        import_adapter_from(editor, name="a", base="tiny", source=SharedAdapter(source="nowhere"))
