"""A storage address says what it means, or is refused."""

from pathlib import Path

import pytest
from obstore.store import LocalStore, S3Store

from finetune_app.storage.location import open_store


def test_a_folder_is_made_and_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "a b#c?d%20e"
    store = open_store(folder.as_uri())
    assert isinstance(store, LocalStore)
    store.put("x", b"1")
    assert (folder / "x").read_bytes() == b"1"


@pytest.mark.parametrize(
    "url", ["file://var/storage", "file:storage", "file:///", "s3://", "s3:///prefix", "gs://bucket", "", "/folder"]
)
def test_an_address_that_means_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        open_store(url)


def test_an_s3_address_names_bucket_prefix_endpoint_region_and_key() -> None:
    store = open_store("s3://AK%2FID:se%40cret@Bucket-1/a/b/?endpoint=http://127.0.0.1:9&region=eu-1")
    assert isinstance(store, S3Store)
    assert store.prefix == "a/b"
    assert store.config["bucket"] == "Bucket-1"
    assert store.config["region"] == "eu-1"
    assert store.config["endpoint"] == "http://127.0.0.1:9"
    assert store.config["access_key_id"] == "AK/ID"
    assert store.config["secret_access_key"] == "se@cret"


def test_a_misspelt_option_is_refused_and_the_secret_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="endpont"):
        open_store("s3://key:secret@bucket?endpont=http://x")
    with pytest.raises(ValueError, match="not a storage address") as caught:
        open_store("s4://key:secret@bucket")
    assert "secret" not in str(caught.value)
