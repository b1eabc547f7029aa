"""What `make demo` makes of what it gets."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from launcher.demo import _verdict
from launcher.rest import RestError, _events, check_sums


def scores(*, base: float, tuned: float) -> dict[str, object]:
    def measured(exact_match: float) -> dict[str, float]:
        return {"exact_match": exact_match, "token_accuracy": 0.9, "loss": 0.1}

    return {"rows": 30, "base": measured(base), "tuned": measured(tuned)}


@pytest.mark.parametrize(("base", "tuned", "code"), [(0.0, 1.0, 0), (0.1, 0.6, 0), (0.1, 0.59, 1), (0.9, 1.0, 1)])
def test_it_fails_unless_the_tuned_model_is_well_above_its_base(base: float, tuned: float, code: int) -> None:
    assert _verdict(scores(base=base, tuned=tuned), 100.0) == code


def archive(path: Path, *, content: bytes) -> Path:
    """An adapter's zip whose sums belong to the content `whole`."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("support-triage-v1/adapter.bin", content)
        file.writestr("support-triage-v1/SHA256SUMS", f"{hashlib.sha256(b'whole').hexdigest()}  adapter.bin\n")
    return path


def test_a_download_is_compared_with_its_sums(tmp_path: Path) -> None:
    assert check_sums(archive(tmp_path / "whole.zip", content=b"whole")) == 1
    with pytest.raises(RestError, match=r"adapter\.bin in the download is not what SHA256SUMS says"):
        check_sums(archive(tmp_path / "damaged.zip", content=b"whale"))


def test_keep_alives_and_retry_times_are_no_events() -> None:
    lines = [
        "retry: 2000",
        "",
        "id: 1:1",
        "event: log",
        "data: {}",
        "",
        ": keep-alive",
        "",
        "event: end",
        "data: {}",
        "",
    ]
    assert list(_events(iter(lines))) == [("log", "{}"), ("end", "{}")]
