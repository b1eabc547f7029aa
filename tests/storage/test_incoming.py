"""A file that came in reaches a worker through the storage, the same on a folder and on S3."""

from pathlib import Path

import pytest

from finetune_app.storage import incoming

pytestmark = pytest.mark.usefixtures("storage")


@pytest.mark.parametrize("content", [b"", b"rows", bytes(range(256)) * 80_000])
def test_the_bytes_arrive(tmp_path: Path, content: bytes) -> None:
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(content)
    incoming.hand_over(sent, "one")
    assert not sent.exists()
    incoming.fetch("one", got)
    assert got.read_bytes() == content


def test_a_worker_that_tries_again_finds_the_file_until_it_is_discarded(tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(b"rows")
    incoming.hand_over(sent, "one")
    for attempt in ("first", "second"):
        incoming.fetch("one", tmp_path / attempt)
    incoming.discard("one")
    incoming.discard("one")
    with pytest.raises(incoming.IncomingMissing):
        incoming.fetch("one", tmp_path / "third")
