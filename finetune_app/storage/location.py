"""`STORAGE_URL` as a store: `file:///folder` or `s3://[KEY:SECRET@]BUCKET[/PREFIX][?endpoint=URL&region=NAME]`.

Without a key in the address, S3 credentials come from the usual AWS variables or the machine's role.
"""

import os
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

# A whole request, body included; one request moves a few megabytes (see `blobs.py`), also over a slow line.
REQUEST_TIMEOUT = timedelta(minutes=2)


_first_user: dict[str, int] = {}


def store_at(url: str) -> LocalStore | S3Store:
    """The object store at `url`, opened once.

    Raises:
        ValueError: the address cannot be used.
        RuntimeError: a parent of this process used a storage before it forked.
    """
    if _first_user.setdefault("pid", os.getpid()) != os.getpid():
        # The store's threads stayed behind in the parent; without this, the first call would wait for ever.
        raise RuntimeError("The storage was used before this process was forked. Fork first, or start a new program.")
    return _opened(url)


@lru_cache(maxsize=4)
def _opened(url: str) -> LocalStore | S3Store:
    return open_store(url)


def open_store(url: str, *, make: bool = True) -> LocalStore | S3Store:
    """The object store at `url`; a folder that does not exist is made, unless `make` is False.

    Raises:
        ValueError: the address is of another kind, names no bucket or no absolute folder, or a folder that is not
            there and not to be made.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _folder(url, parts.netloc, unquote(parts.path), make=make)
    bucket = parts.netloc.rpartition("@")[2]  # not .hostname, which lowers the case
    if parts.scheme != "s3" or not bucket:
        raise ValueError(f"not a storage address: {parts.scheme}://{bucket}{parts.path}")
    options = {key: values[0] for key, values in parse_qs(parts.query).items()}
    if unknown := sorted(options.keys() - {"endpoint", "region"}):
        raise ValueError(f"a storage address has no option “{unknown[0]}”")
    endpoint = options.get("endpoint", "")
    config: S3Config = {"bucket": bucket, "region": options.get("region", "us-east-1")}
    if endpoint:
        config["endpoint"] = endpoint
    if parts.username:
        config["access_key_id"] = unquote(parts.username)
        config["secret_access_key"] = unquote(parts.password or "")
    client: ClientConfig = {"timeout": REQUEST_TIMEOUT, "allow_http": endpoint.startswith("http://")}
    return S3Store(prefix=unquote(parts.path).strip("/") or None, config=config, client_options=client)


def _folder(url: str, host: str, path: str, *, make: bool) -> LocalStore:
    if host not in {"", "localhost"} or not Path(path).is_absolute() or path == "/":
        # file://var/storage would mean the folder /storage of the machine “var”.
        raise ValueError(f"not the address of a folder: {url}; write file:///absolute/folder")
    return LocalStore(Path(path), mkdir=make)
