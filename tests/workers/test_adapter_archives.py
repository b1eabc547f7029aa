"""Which files of an upload become an adapter, and archives that would do harm."""

import hashlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard

from adapters.adapter_source import SharedAdapter
from finetune_app.environment import read_environment
from finetune_app.errors import UserError
from workers.adapter_importer.fetch import bring
from workers.adapter_importer.pick import pick
from workers.adapter_importer.spec import AdapterImportSpec
from workers.adapter_importer.unpack import unpack

FILES = {
    "adapter_config.json": b"{}",
    "adapter_model.safetensors": hashlib.shake_128(b"weights").digest(3000),
    "tokenizer.json": b"[]",
}
LIMIT = 10_000
Writer = Callable[[Path, Mapping[str, bytes]], Path]


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    content = plain.getvalue()
    if path.name.endswith((".gz", ".tgz")):
        import gzip

        content = gzip.compress(content)
    if path.name.endswith(".zst"):
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path


WRITERS: dict[str, Writer] = {
    "a.zip": write_zip,
    "a.tar": write_tar,
    "a.tar.gz": write_tar,
    "a.tgz": write_tar,
    "a.tar.zst": write_tar,
}
every_kind = pytest.mark.parametrize("name", WRITERS)


def unpacked(path: Path, limit: int = LIMIT) -> dict[str, bytes]:
    folder = path.parent / "unpacked"
    unpack(path, path.name, folder, pick, limit=limit)
    return {found.relative_to(folder).as_posix(): found.read_bytes() for found in folder.rglob("*") if found.is_file()}


def refused(path: Path, code: str, limit: int = LIMIT) -> None:
    with pytest.raises(UserError) as error:
        unpacked(path, limit)
    assert error.value.code == code, error.value.message


@every_kind
@pytest.mark.parametrize("top", ["", "support-v3/", "./deep/er/"])
def test_the_adapters_folder_is_found(tmp_path, name, top):
    others = {"notes.md": b"", f"{top}checkpoint-5/adapter_config.json": b"", f"{top}checkpoint-5/optimizer.pt": b""}
    path = WRITERS[name](tmp_path / name, {f"{top}{file}": content for file, content in FILES.items()} | others)
    assert unpacked(path) == FILES


@every_kind
@pytest.mark.parametrize(
    "outside", ["../evil.json", "a/../../evil.json", "/etc/evil.json", "C:\\evil.json", "..\\evil"]
)
def test_nothing_lies_elsewhere(tmp_path, name, outside):
    refused(WRITERS[name](tmp_path / name, FILES | {outside: b"!"}), "archive_unsafe")
    assert not (tmp_path / "unpacked").exists()
    assert not (tmp_path / "evil.json").exists()


@every_kind
def test_what_unpacks_to_more_than_the_limit_is_given_up(tmp_path, name):
    bomb = FILES | {"adapter_model.safetensors": b"\0" * 50_000_000}
    path = WRITERS[name](tmp_path / name, bomb)
    refused(path, "archive_too_large")
    assert sum(found.stat().st_size for found in tmp_path.rglob("unpacked/*")) <= LIMIT + len(b"{}")


def test_a_zip_that_lies_about_its_sizes_is_given_up(tmp_path):
    path = write_zip(tmp_path / "a.zip", FILES | {"adapter_model.safetensors": b"\0" * 5_000_000})
    content = path.read_bytes()
    path.write_bytes(content.replace((5_000_000).to_bytes(4, "little"), (5_000).to_bytes(4, "little")))
    with pytest.raises(UserError) as error:
        unpacked(path)
    assert error.value.code in {"archive_damaged", "archive_too_large"}


@every_kind
def test_what_breaks_off_is_damaged(tmp_path, name):
    path = WRITERS[name](tmp_path / name, FILES)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if "tar" not in name else path.read_bytes()[:900])
    refused(path, "archive_damaged")


@every_kind
def test_what_is_no_archive_is_damaged(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"<html>Sign in</html>" * 100)
    refused(path, "archive_damaged")


def test_a_link_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("{}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        member = zipfile.ZipInfo("adapter_config.json")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(member, str(secret))
        packed.writestr("adapter_model.safetensors", b"w")
    refused(tmp_path / "a.zip", "adapter_incomplete")
    with tarfile.open(tmp_path / "a.tar", "w") as packed_tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo("adapter_config.json")
            link.type, link.linkname = kind, str(secret)
            packed_tar.addfile(link)
    refused(tmp_path / "a.tar", "adapter_incomplete")


def test_a_locked_zip_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", FILES)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = 0
        while (at := content.find(mark, at)) >= 0:
            content[at + place] |= 1
            at += 4
    path.write_bytes(content)
    refused(path, "archive_encrypted")


def test_two_adapters_are_one_too_many(tmp_path):
    both = {f"{top}/{name}": content for top in ("a", "b") for name, content in FILES.items()}
    refused(write_zip(tmp_path / "a.zip", both), "several_adapters")


def test_a_file_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("adapter_config.json", b"{}")
        packed.writestr("./adapter_config.json", b"[]")
    refused(tmp_path / "a.zip", "archive_unsafe")


@pytest.mark.parametrize("pickled", ["adapter_model.bin", "adapter_model.pt"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(pickled):
    with pytest.raises(UserError, match=r"save_pretrained\(new_folder\)") as error:
        pick(["adapter_config.json", pickled])
    assert error.value.code == "adapter_pickled"


@pytest.mark.parametrize("names", [[], ["adapter_model.safetensors"], ["adapter_config.json", "model.safetensors"]])
def test_half_an_adapter_is_refused(names):
    with pytest.raises(UserError) as error:
        pick(names)
    assert error.value.code == "adapter_incomplete"


@pytest.mark.parametrize("path", ["shelf/support", "support.zip"])
def test_a_shared_folder_or_archive_is_copied(tmp_path, monkeypatch, path):
    place, run_folder = tmp_path / "place", tmp_path / "run"
    (place / "shelf" / "support").mkdir(parents=True)
    for name, content in FILES.items():
        (place / "shelf" / "support" / name).write_bytes(content)
    write_zip(place / "support.zip", {f"support/{name}": content for name, content in FILES.items()})
    # A worker reads its variables once; here another test may have read them before.
    monkeypatch.setenv("GRAFT_IMPORT_SOURCES", f"place={place.as_uri()}")
    shared = read_environment()
    monkeypatch.setattr("workers.adapter_importer.fetch.environment", lambda: shared)
    run_folder.mkdir()
    source = SharedAdapter(source="place", path=path)
    spec = AdapterImportSpec(files=[], fetch=source, fetch_limit=LIMIT, unpack_limit=LIMIT, base="tiny@1")
    pins = bring(spec, run_folder)
    assert {found.name: found.read_bytes() for found in (run_folder / "adapter").iterdir()} == FILES
    copied = ["support.zip"] if path.endswith(".zip") else [f"{path}/{name}" for name in FILES]
    assert sorted(pins["e_tags"]) == sorted(copied)
    with pytest.raises(UserError) as error:
        bring(spec.model_copy(update={"fetch_limit": 100}), _empty(tmp_path / "other"))
    assert error.value.code == "import_too_large"


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_only_what_belongs_to_an_adapter_is_picked():
    others = [
        "run.py",
        "optimizer.bin",
        ".hidden.json",
        "trainer_state.json",
        "model.safetensors",
        "a b.json",
        "x/y.json",
    ]
    kept = ["tokenizer_config.json", "additional_chat_templates/rag.jinja", "manifest.json", "README.txt"]
    names = ["top/" + name for name in [*others, *kept, *FILES]]
    assert set(pick(names)) == {*kept, *FILES}
