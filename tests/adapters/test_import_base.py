"""A base model of the hub, of a shared folder or of uploads becomes a revision through a real worker's hands."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.base_digests import NOTES
from adapters.base_source import HubModel, SharedBase
from adapters.models import BaseImport
from adapters.services.import_base import import_base_from, import_base_uploads
from adapters.services.import_base_again import import_base_again
from adapters.services.register_base import register_base
from finetune_app.environment import named_places
from finetune_app.errors import UserError
from finetune_app.imports.end_import import give_up_import
from finetune_app.storage import incoming
from finetune_app.uploads.services.append_piece import append_piece
from finetune_app.uploads.services.begin_upload import begin_upload
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.hub_server import Hub, repo, serve_hub
from tests.storage.fixtures import BUCKET
from tests.tiny import tiny_base, tiny_tensors, write_safetensors
from workers.run_worker_task import run_worker_task

# The worker's pulse writes from a thread of its own, which a test's open transaction would keep waiting.
pytestmark = pytest.mark.django_db(transaction=True)


def work_off() -> BaseImport:
    """What a light worker does with the next import."""
    found = claim_next_task("light@test")
    assert isinstance(found, BaseImport)
    run_worker_task(found)
    found.refresh_from_db()
    return found


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def sharded(folder: Path, count: int = 4) -> Path:
    """The tiny base in several files."""
    shutil.copytree(tiny_base(), folder)
    (folder / "model.safetensors").unlink()
    tensors, weight_map = tiny_tensors(), {}
    for shard in range(count):
        part = {name: tensors[name] for name in list(tensors)[shard::count]}
        name = f"model-{shard + 1:05}-of-{count:05}.safetensors"
        write_safetensors(folder / name, part)
        weight_map |= dict.fromkeys(part, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return folder


@pytest.fixture
def access(cast):
    return cast.access(cast.editor)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub with the model `team/tiny` in four shards and much that no base needs; the workers know no other."""
    files = files_of(sharded(tmp_path / "sharded"))
    files |= {
        "README.md": b"# Tiny",
        "pytorch_model.bin": b"a pickle",
        "consolidated.safetensors": b"x",
        "modeling_tiny.py": b"raise SystemExit",
        "onnx/model.onnx": b"x",
    }
    pickled = {"config.json": b"{}", "pytorch_model.bin": b"a pickle" * 1000, "tokenizer.json": b"{}"}
    models = {"team/tiny": repo(files, kind="model"), "team/pickled": repo(pickled, kind="model")}
    with serve_hub(models | {"team/rows": repo({"rows.jsonl": b"{}"})}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def share(settings, monkeypatch):
    def share(**places: str) -> None:
        text = " ".join(f"{name}={url}" for name, url in places.items())
        settings.IMPORT_SOURCES = named_places(text)
        monkeypatch.setenv("GRAFT_IMPORT_SOURCES", text)

    return share


def test_a_model_of_the_hub_is_the_same_base_and_names_its_commit(cast, access, hub):
    here = register_base(cast.team, name="tiny", folder=tiny_base(), source="a folder")
    import_base_from(access, name="from-hub", source=HubModel(repo_id="team/tiny"))
    found = work_off()
    assert (found.state, found.error) == (TaskState.SUCCEEDED, "")
    revision = found.revision
    assert (str(revision), revision.created_by, found.result["is_new"]) == ("from-hub@1", cast.editor, True)
    for digest in ("weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest"):
        assert getattr(revision, digest) == getattr(here, digest)
    commit = hub.repos["team/tiny"].branches["main"]
    assert revision.origin == {"kind": "hub", "repo_id": "team/tiny", "revision": "main", "commit": commit}
    assert commit[:12] in revision.source
    kept = [file["path"] for file in revision.files]
    assert "model-00004-of-00004.safetensors" in kept
    for path in ("README.md", "pytorch_model.bin", "consolidated.safetensors", "modeling_tiny.py", "onnx/model.onnx"):
        assert hub.downloads(path) == []
        assert path not in kept


def test_the_same_content_again_is_the_same_revision(access, hub):
    for number in range(2):
        import_base_from(access, name="tiny", source=HubModel(repo_id="team/tiny"))
        found = work_off()
        assert (str(found.revision), found.result["is_new"]) == ("tiny@1", number == 0)


def test_pickles_are_refused_before_they_are_sent_and_another_repository_can_be_named(access, hub):
    import_base_from(access, name="tiny", source=HubModel(repo_id="team/pickled"))
    refused = work_off()
    assert (refused.state, refused.error_code) == (TaskState.FAILED, "base_not_safetensors")
    assert "save_pretrained" in refused.error
    assert hub.downloads("pytorch_model.bin") == []
    import_base_again(access, refused, HubModel(repo_id="team/tiny"))
    assert work_off().state == TaskState.SUCCEEDED


@pytest.mark.parametrize(
    ("repo_id", "revision", "code"),
    [
        ("team/rows", "main", "hub_not_found"),
        ("team/none", "main", "hub_not_found"),
        ("team/tiny", "v9", "revision_unknown"),
    ],
)
def test_what_the_hub_does_not_have_is_told(access, hub, repo_id, revision, code):
    import_base_from(access, name="tiny", source=HubModel(repo_id=repo_id, revision=revision))
    assert work_off().error_code == code


def test_a_shared_folder_is_read_where_it_lies_and_hashed_once(access, share, tmp_path, settings):
    folder = sharded(tmp_path / "shared" / "models" / "tiny").parent.parent
    share(models=folder.as_uri())
    settings.WORK_FOLDER = tmp_path / "work"
    for name in ("one", "other"):
        import_base_from(access, name=name, source=SharedBase(source="models", path="models/tiny"))
        found = work_off()
        assert (found.error, str(found.revision)) == ("", f"{name}@1")
    assert found.revision.origin == {"kind": "shared", "source": "models", "path": "models/tiny"}
    [note] = (tmp_path / "work" / NOTES).iterdir()
    # What is noted counts as long as the files stand: a note that lies is believed.
    before = found.revision.weights_root
    lie = "0" * 64
    note.write_text(note.read_text().replace(before, lie))
    import_base_from(access, name="noted", source=SharedBase(source="models", path="models/tiny"))
    assert work_off().revision.weights_root == lie
    (folder / "models" / "tiny" / "config.json").touch()
    import_base_from(access, name="touched", source=SharedBase(source="models", path="models/tiny"))
    assert work_off().revision.weights_root == before


def test_a_bucket_is_copied_from(access, share, tmp_path, s3_endpoint):
    import boto3

    client = boto3.client("s3", endpoint_url=s3_endpoint, aws_access_key_id="k", aws_secret_access_key="s")
    for name, content in files_of(tiny_base()).items():
        client.put_object(Bucket=BUCKET, Key=f"models/tiny/{name}", Body=content)
    client.put_object(Bucket=BUCKET, Key="models/tiny/additional_chat_templates/tools.jinja", Body=b"{{ tools }}")
    share(lake=f"s3://k:s@{BUCKET}/models?endpoint={s3_endpoint}&region=us-east-1")
    import_base_from(access, name="tiny", source=SharedBase(source="lake", path="tiny"))
    found = work_off()
    assert (found.error, str(found.revision)) == ("", "tiny@1")
    assert "additional_chat_templates/tools.jinja" in [file["path"] for file in found.revision.files]


def test_nothing_outside_of_a_shared_folder_is_read(access, share, tmp_path):
    shutil.copytree(tiny_base(), tmp_path / "outside")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "outside")
    shutil.copytree(tiny_base(), inside / "mixed")
    (inside / "mixed" / "extra.json").symlink_to(tmp_path / "outside" / "config.json")
    share(models=inside.as_uri())
    for path in ("link", "../outside", "mixed", "nowhere"):
        import_base_from(access, name="tiny", source=SharedBase(source="models", path=path))
        assert work_off().error_code == "path_unknown"


def send(access, name: str, content: bytes):
    upload = begin_upload(access, file_name=name, size=len(content), is_of_base=True)
    append_piece(upload, offset=0, body=io.BytesIO(content))
    return upload.pk


def test_uploads_become_a_revision_and_are_gone_then(access):
    files = files_of(tiny_base()) | {"tools.jinja": b"{{ tools }}"}
    ids = [send(access, name, content) for name, content in files.items()]
    import_base_uploads(access, name="tiny", uploads=ids)
    found = work_off()
    assert (found.error, str(found.revision), found.has_files) == ("", "tiny@1", False)
    assert "additional_chat_templates/tools.jinja" in [file["path"] for file in found.revision.files]
    with pytest.raises(incoming.IncomingMissing):
        incoming.fetch(str(ids[0]), Path("/nowhere"))


def test_uploads_that_are_no_base_are_refused_and_can_be_given_up(access):
    files = {name: content for name, content in files_of(tiny_base()).items() if name != "tokenizer.json"}
    import_base_uploads(access, name="tiny", uploads=[send(access, name, content) for name, content in files.items()])
    refused = work_off()
    assert (refused.error_code, refused.has_files) == ("base_tokenizer_missing", True)
    give_up_import(access, refused)
    assert not BaseImport.objects.exists()


def test_what_nobody_can_fetch_is_refused_at_once(cast, access, settings):
    for source, code in (
        (HubModel(repo_id="tiny"), "invalid_repo_id"),
        (SharedBase(source="none", path=""), "source_unknown"),
    ):
        with pytest.raises(UserError) as caught:
            import_base_from(access, name="tiny", source=source)
        assert caught.value.code == code
    for name in ("imports", "Not A Name"):
        with pytest.raises(UserError, match="cannot be"):
            import_base_from(access, name=name, source=HubModel(repo_id="team/tiny"))
    with pytest.raises(UserError, match="role"):
        import_base_from(cast.access(cast.viewer), name="tiny", source=HubModel(repo_id="team/tiny"))
    twice = [send(access, "config.json", b"{}") for _ in range(2)]
    with pytest.raises(UserError) as caught:
        import_base_uploads(access, name="tiny", uploads=twice)
    assert caught.value.code == "same_name_twice"
    settings.BASE_LIMIT_BYTES = 1
    with pytest.raises(UserError) as caught:
        import_base_uploads(access, name="tiny", uploads=twice[:1])
    assert caught.value.code == "base_too_large"
