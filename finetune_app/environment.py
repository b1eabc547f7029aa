"""Every environment variable that Graft reads, typed and checked; a bad value is one line that names the variable.

Each variable may also come as `NAME_FILE`, the path of a file that holds the value (secrets as files).
"""

import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

SOURCE_NAME = r"[a-z0-9][a-z0-9_-]{0,39}"


class BadVariable(Exception):
    """A variable has a value that Graft cannot use; the message is one line and names it."""


class Environment(BaseModel):
    """The variables, in lower case. Defaults are those of one machine with nothing else installed."""

    model_config = ConfigDict(frozen=True, validate_default=True)

    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    host: str = "127.0.0.1"
    graft_home: Path = Path("var")
    database_url: str = ""
    redis_url: str = ""
    storage_url: str = ""
    graft_secret_key: str = ""
    graft_secret_key_fallbacks: str = ""
    graft_allowed_hosts: str = ""
    graft_base_url: str = ""
    graft_upload_limit_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    graft_base_limit_gb: Annotated[int, Field(ge=1, le=100_000)] = 500
    graft_import_sources: str = ""
    graft_export_places: str = ""
    graft_direct_downloads: bool = False
    graft_garbage_grace_hours: Annotated[int, Field(ge=1, le=100_000)] = 24
    graft_gpus_per_worker: Annotated[int, Field(ge=1, le=64)] = 1
    graft_debug: bool = False

    @field_validator("graft_home")
    @classmethod
    def home_is_a_folder(cls, value: Path) -> Path:
        """The data folder as an absolute path; it need not exist yet."""
        if value.exists() and not value.is_dir():
            raise ValueError(f"{value} is a file, not a folder")
        return value.absolute()

    @field_validator("database_url")
    @classmethod
    def database_is_known(cls, value: str) -> str:
        """SQLite or PostgreSQL."""
        return _with_scheme(value, "sqlite", "postgres", "postgresql")

    @field_validator("redis_url")
    @classmethod
    def redis_is_known(cls, value: str) -> str:
        """A Redis or Valkey server over TCP, TLS or a socket."""
        return _with_scheme(value, "redis", "rediss", "redis+socket")

    @field_validator("storage_url")
    @classmethod
    def storage_is_known(cls, value: str) -> str:
        """A folder or an S3 bucket."""
        return _with_scheme(value, "file", "s3")

    @field_validator("graft_import_sources", "graft_export_places")
    @classmethod
    def places_can_be_read(cls, value: str) -> str:
        """`NAME=ADDRESS`, several with blanks between."""
        named_places(value)
        return value


def named_places(value: str) -> dict[str, str]:
    """Places that may be imported from, or exported to: name → `file:///folder` or `s3://bucket/prefix`.

    Raises:
        ValueError: a part is no `NAME=ADDRESS`, its address is of another kind, or two have one name.
    """
    found: dict[str, str] = {}
    for part in value.split():
        name, equals, url = part.partition("=")
        if not equals or not re.fullmatch(SOURCE_NAME, name) or name in found:
            raise ValueError("write NAME=file:///folder or NAME=s3://bucket/prefix, with blanks between several")
        found[name] = _with_scheme(url, "file", "s3")
    return found


def _with_scheme(value: str, *schemes: str) -> str:
    if value and urlsplit(value).scheme not in schemes:
        names = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"must begin with {names}")
    return value


def read_environment() -> Environment:
    """The checked variables of this process.

    Raises:
        BadVariable: a value is of the wrong kind, or a `_FILE` cannot be read.
    """
    values: dict[str, str] = {}
    for name in Environment.model_fields:
        variable = name.upper()
        if path := os.environ.get(f"{variable}_FILE"):
            try:
                values[name] = Path(path).read_text().strip()
            except OSError as error:
                raise BadVariable(f"{variable}_FILE: cannot read {path}: {error.strerror}.") from None
        elif value := os.environ.get(variable):
            values[name] = value
    try:
        return Environment(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        reason = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise BadVariable(f"{name.upper()}: “{values[name]}” will not do: {reason}.") from None


@cache
def environment() -> Environment:
    """The variables of this process, read once; a bad one ends the program with its one line."""
    try:
        return read_environment()
    except BadVariable as error:
        sys.exit(str(error))
