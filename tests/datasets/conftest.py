"""Every test of uploads has a storage of its own, so that it can look at what was kept."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from workers import pulse


@pytest.fixture(autouse=True)
def storage_folder(tmp_path: Path, settings: Settings) -> Path:
    """Where blobs go."""
    folder = tmp_path / "storage"
    settings.STORAGE_URL = f"file://{folder}"
    return folder


@pytest.fixture(autouse=True)
def pulse_rests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction is its own connection's: a pulse beside it would wait for it, or find its work gone."""
    mark = request.node.get_closest_marker("django_db")
    if not (mark and mark.kwargs.get("transaction")):
        monkeypatch.setattr(pulse, "BEAT_SECONDS", 3600.0)
