"""A fixture for tests in which work is carried out within the test's own transaction."""

import pytest

from workers import pulse


@pytest.fixture(autouse=True)
def pulse_rests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's transaction is its own connection's: a pulse beside it would wait for it, or find its work gone."""
    mark = request.node.get_closest_marker("django_db")
    if not (mark and mark.kwargs.get("transaction")):
        monkeypatch.setattr(pulse, "BEAT_SECONDS", 3600.0)
