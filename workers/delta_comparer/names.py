"""The files of the comparer's run folder: one folder for each version, as peft saves an adapter, and the result."""

from pathlib import Path

WEIGHTS_NAME = "adapter_model.safetensors"
CONFIG_NAME = "adapter_config.json"
RESULT_NAME = "deltas.json"


def version_folder(run_folder: Path, place: int) -> Path:
    """The folder of the version with this place in the result."""
    return run_folder / f"version-{place}"


def version_folders(run_folder: Path) -> list[Path]:
    """All of them, in their order."""
    count = sum(1 for path in run_folder.glob("version-*") if path.is_dir())
    return [version_folder(run_folder, place) for place in range(count)]
