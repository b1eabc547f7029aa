"""What the images hold, as far as the Dockerfile tells."""

import subprocess
import sys
from pathlib import Path

from launcher.plan import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    finished = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def test_base_images_are_pinned() -> None:
    images = [line.split("=", 1)[1] for line in DOCKERFILE.splitlines() if line.startswith("ARG ")]
    assert len(images) == 2
    for image in images:
        version = image.partition(":")[2].partition("-")[0]
        assert version.count(".") == 2


def test_only_what_is_named_gets_into_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    assert lines[1] == "*"
    assert not {"!var", "!deploy", "!.git"} & set(lines)
    for name in (line[1:] for line in lines if line.startswith("!")):
        assert (ROOT / name).exists(), name
