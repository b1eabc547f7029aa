"""What the adapter tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.models import User
from tests.adapters.makers import Downloader, make_version
from tests.cast import Cast
from tests.quiet_pulse import pulse_rests
from tests.storage.fixtures import s3_endpoint, storage

__all__ = ["pulse_rests", "s3_endpoint", "storage"]


@pytest.fixture
def version(cast: Cast, tiny_base: BaseRevision, tmp_path: Path) -> AdapterVersion:
    """Version 1 of the adapter `adder`, made by job 7 for the editor."""
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def downloads_for(cast: Cast) -> Callable[[User], Downloader]:
    """`downloads_for(cast.viewer)`: what they get when they download."""
    return lambda user: Downloader(cast, user)
