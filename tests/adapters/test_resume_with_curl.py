"""A download that broke off, taken up by curl from a real server, as the adapter's page says."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.models import AdapterVersion
from adapters.snippets import fetch_snippet
from tests.adapters.makers import make_version, write_adapter
from tests.cast import Cast, make_cast
from tests.served import served
from tests.tiny_base import register_tiny_base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


@pytest.fixture
def server() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def big(people: Cast, tmp_path: Path) -> AdapterVersion:
    """A version of several parts of the storage."""
    return make_version(register_tiny_base(people.team), write_adapter(tmp_path / "a", rank=300_000))


def fetch(people: Cast, server: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the lines that the page shows, but for the unzipping."""
    url = f"{server}/api/v1/adapters/adder/versions/1/download"
    script = fetch_snippet(url, "adder-v1").rpartition("\n")[0].replace("curl ", "curl --silent --show-error ", 1)
    environment = os.environ | {"GRAFT_TOKEN": people.token(people.viewer), "no_proxy": "127.0.0.1"}
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("kept", [0, 1, 1000, 9_000_000, -1])
def test_the_rest_is_fetched_and_the_zip_is_whole(people, big, server, tmp_path, kept):
    whole = tmp_path / "adder-v1.zip"
    done = fetch(people, server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(whole.read_bytes()).hexdigest() == big.archive_sha256
    os.truncate(whole, kept if kept >= 0 else big.archive_size + kept)
    done = fetch(people, server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(whole.read_bytes()).hexdigest() == big.archive_sha256
    assert zipfile.ZipFile(whole).testzip() is None


def test_fetching_again_what_is_complete_does_no_harm(people, big, server, tmp_path):
    fetch(people, server, tmp_path)
    fetch(people, server, tmp_path)  # asks for what lies behind the end: 416, which some versions of curl call an error
    assert hashlib.sha256((tmp_path / "adder-v1.zip").read_bytes()).hexdigest() == big.archive_sha256


def test_a_wrong_token_is_an_error_and_leaves_no_file(people, big, server, tmp_path, monkeypatch):
    monkeypatch.setattr(Cast, "token", lambda *_: "graft_wrong")
    assert fetch(people, server, tmp_path).returncode != 0
    assert not (tmp_path / f"{big.adapter.name}-v1.zip").exists()


def test_several_ranges_of_one_request_come_over_a_real_connection(people, big, server, tmp_path):
    url = f"{server}/api/v1/adapters/adder/versions/1/files/adapter_model.safetensors"
    token = f"Authorization: Bearer {people.token(people.viewer)}"
    asked = ["curl", "--silent", "--fail", "--noproxy", "*", "--header", token, url]
    whole = subprocess.run(asked, check=True, capture_output=True).stdout
    got = subprocess.run([*asked, "--range", "0-99,12000000-12999999,-5"], check=True, capture_output=True).stdout
    assert len(whole) > 13_000_000
    for part in (whole[:100], whole[12_000_000:13_000_000], whole[-5:]):
        assert b"\r\n\r\n" + part + b"\r\n--" in got
    assert len(got) < 1_001_000
