"""Addresses by which a client fetches a blob from the S3 storage itself, for a short time and without credentials."""

from datetime import timedelta

import obstore
from django.conf import settings
from obstore.store import S3Store

from finetune_app.storage.location import store_at
from finetune_app.storage.renewal import blob_key

VALID_FOR = timedelta(hours=1)  # to begin with; a download that has begun goes on


def direct_address(sha256: str) -> str | None:
    """Where to fetch the blob; None when the storage is a folder, or the settings keep clients away from it."""
    store = store_at(settings.STORAGE_URL)
    if not settings.DIRECT_DOWNLOADS or not isinstance(store, S3Store):
        return None
    return obstore.sign(store, "GET", blob_key(sha256), VALID_FOR)
