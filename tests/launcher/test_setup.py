"""`scripts/setup.sh` where something is missing."""

import shutil
import subprocess
from pathlib import Path

from launcher.plan import ROOT


def run_setup(folder: Path, *programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of the script in `folder`, with few programs but `programs`."""
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup.sh", folder / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "bin").mkdir()
    for name in ("bash", "cat", "dirname", "grep", "mkdir", "tail", "flock"):
        (folder / "bin" / name).symlink_to(str(shutil.which(name)))
    for program in programs:
        (folder / "bin" / program.name).symlink_to(program)
    return subprocess.run(
        [folder / "bin/bash", folder / "scripts/setup.sh", "run"],
        env={"PATH": str(folder / "bin")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_python_3_11_one_line_says_what_to_install(tmp_path: Path) -> None:
    finished = run_setup(tmp_path)
    assert finished.returncode == 1
    [line] = finished.stderr.splitlines()
    assert line.startswith("Graft needs Python 3.11")


def test_without_the_venv_module_one_line_says_what_to_install(tmp_path: Path) -> None:
    fake = tmp_path / "python3.11"
    fake.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n')
    fake.chmod(0o755)
    finished = run_setup(tmp_path, fake)
    assert finished.returncode == 1
    [line] = finished.stderr.splitlines()
    assert "bin/python3.11 cannot make virtual environments" in line


def test_a_setup_that_fails_shows_why(tmp_path: Path) -> None:
    fake = tmp_path / "python3.11"
    fake.write_text(
        '#!/bin/sh\ncase "$1" in -m) echo "the disk is full"; exit 1 ;; --version) echo Python 3.11 ;; esac\n'
    )
    fake.chmod(0o755)
    finished = run_setup(tmp_path, fake)
    assert finished.returncode == 1
    assert "the disk is full" in finished.stderr
    assert "Setup stopped at “Making .venv with Python 3.11”" in finished.stderr
