"""A downloaded folder is compared with its manifest: what a person is told of every kind of damage."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from adapters.verify import verify_folder
from finetune_app.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def folder(cast, version, downloads_for, tmp_path) -> Path:
    """Version 1 of `adder` as a person unpacked it."""
    body = downloads_for(cast.viewer).get("/api/v1/adapters/adder/versions/1/download").body
    zipfile.ZipFile(io.BytesIO(body)).extractall(tmp_path / "out")
    return tmp_path / "out" / "adder-v1"


def found(folder: Path, **options) -> list[str]:
    return [str(difference) for difference in verify_folder(folder, **options).differences]


def test_a_download_is_whole(folder, version):
    seen = []
    report = verify_folder(
        folder, manifest_sha256=version.manifest_sha256.upper(), on_progress=lambda *at: seen.append(at)
    )
    assert report.is_whole
    assert (report.adapter, report.version, report.files) == ("adder", 1, len(version.manifest["files"]))
    assert report.manifest_sha256 == version.manifest_sha256
    assert seen[-1] == (report.size, report.size)


def test_a_flipped_bit_is_found(folder):
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    [told] = found(folder)
    assert told.startswith("adapter_model.safetensors is damaged: its SHA-256 is ")
    assert hashlib.sha256(content).hexdigest() in told


def test_a_cut_a_missing_and_a_strange_file_are_told_apart(folder):
    os.truncate(folder / "adapter_model.safetensors", 10)
    (folder / "tokenizer.json").unlink()
    (folder / "sub").mkdir()
    (folder / "sub" / "evil.pkl").write_bytes(b"x")
    told = found(folder)
    assert told[0].startswith("adapter_model.safetensors has 10 bytes, not ")
    assert told[1:] == ["tokenizer.json is missing", "sub/evil.pkl does not belong to the version"]


def test_a_manifest_that_was_changed_with_its_files_is_found_by_its_own_digest(folder, version):
    """Somebody who changes the weights changes manifest and sums as well."""
    (folder / "adapter_config.json").write_text("{}")
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["path"] == "adapter_config.json":
            file |= {"size": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sums = {file["path"]: file["sha256"] for file in manifest["files"]}
    sums["manifest.json"] = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text("".join(f"{sha256}  {name}\n" for name, sha256 in sums.items()))
    assert found(folder) == []
    [told] = found(folder, manifest_sha256=version.manifest_sha256)
    assert told.startswith("manifest.json is another one")


def test_sums_that_do_not_agree_with_the_manifest_are_told(folder):
    sums = folder / "SHA256SUMS"
    lines = sums.read_text().splitlines()
    sums.write_text("\n".join([f"{'0' * 64}  {lines[0].partition('  ')[2]}", *lines[2:], f"{'1' * 64}  new.txt"]))
    assert found(folder) == [
        f"SHA256SUMS does not name {lines[1].partition('  ')[2]}",
        "SHA256SUMS names new.txt, which the manifest does not",
        f"SHA256SUMS says another SHA-256 of {lines[0].partition('  ')[2]} than the manifest",
    ]
    sums.unlink()
    assert found(folder) == ["SHA256SUMS is missing"]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "a\\b", ""])
def test_a_manifest_cannot_make_it_read_elsewhere(folder, path):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"].append({"path": path, "size": 1, "sha256": "0" * 64})
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert any("leads out of the folder" in told for told in found(folder))


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"files": 3}', b"\xff"])
def test_a_folder_without_a_manifest_is_no_version(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(UserError, match=r"manifest\.json") as refused:
        verify_folder(tmp_path)
    assert refused.value.code == "not_a_version"


def run(folder: Path, *options: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GRAFT_HOME": str(home), "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}
    command = [sys.executable, "manage.py", "verify", str(folder), *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_command_needs_no_database_and_ends_with_1_on_a_difference(folder, version, tmp_path):
    done = run(folder, "--manifest-sha256", version.manifest_sha256, home=tmp_path / "home")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"This is adder@1, {len(version.manifest['files'])} files")
    (folder / "README.md").unlink()
    done = run(folder, home=tmp_path / "home")
    assert done.returncode == 1
    assert done.stdout == "README.md is missing\n"
    assert "This is not adder@1" in done.stderr
