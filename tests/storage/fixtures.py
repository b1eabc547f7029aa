"""The two kinds of storage, so that one test body runs on both: a folder, and an S3 server on this machine."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from obstore.store import LocalStore, S3Store
from pytest_django.fixtures import Settings

from finetune_app.storage.location import store_at

BUCKET = "graft-test"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server with an empty bucket."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with urllib.request.urlopen(urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")):
        pass
    yield endpoint
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> LocalStore | S3Store:
    """The store behind `finetune_app.storage.blobs`, empty."""
    if request.param == "folder":
        settings.STORAGE_URL = (tmp_path / "stor age #1").as_uri()
    else:
        endpoint = request.getfixturevalue("s3_endpoint")
        settings.STORAGE_URL = f"s3://KEY:SECRET@{BUCKET}/{tmp_path.name}?endpoint={endpoint}"
    return store_at(settings.STORAGE_URL)
