"""Every test of uploads has a storage of its own, so that it can look at what was kept."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.quiet_pulse import pulse_rests

__all__ = ["pulse_rests"]


@pytest.fixture(autouse=True)
def storage_folder(tmp_path: Path, settings: Settings) -> Path:
    """Where blobs go."""
    folder = tmp_path / "storage"
    settings.STORAGE_URL = f"file://{folder}"
    return folder
