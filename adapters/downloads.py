"""What can be downloaded of an adapter version: all of it as a zip or a tar, and each file by itself."""

import hashlib
from enum import StrEnum
from functools import partial
from pathlib import Path

from adapters.archive import read_archive, read_kept_archive
from adapters.manifest import CHECKSUMS_NAME, MANIFEST_NAME, Manifest, ManifestFile
from adapters.models import AdapterVersion
from adapters.services.digest_tar import digest_tar
from adapters.tar_layout import tar_layout, tar_parts
from finetune_app.errors import NotFound, UserError
from finetune_app.storage.spans import blob_pieces
from finetune_app.web.ranged import Content

CONTENT_TYPES = {
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
BINARY = "application/octet-stream"


class ArchiveFormat(StrEnum):
    """What the whole version comes as; neither is compressed, for weights cannot be."""

    ZIP = "zip"
    TAR = "tar"


def parse_archive_format(value: str) -> ArchiveFormat:
    """The format of this name; "" is the zip.

    Raises:
        UserError: `invalid_format`.
    """
    try:
        return ArchiveFormat(value or ArchiveFormat.ZIP)
    except ValueError:
        raise UserError(
            "invalid_format", "A version comes as “zip” or “tar”. Choose one of them.", field="format"
        ) from None


def archive_name(version: AdapterVersion, wanted: ArchiveFormat = ArchiveFormat.ZIP) -> str:
    """The archive's file name, e.g. `support-json-v3.zip`."""
    return f"{version.adapter.name}-v{version.number}.{wanted.value}"


def archive_content(version: AdapterVersion, wanted: ArchiveFormat = ArchiveFormat.ZIP) -> Content:
    """All of the version. The tar of an old version is hashed when it is wanted for the first time."""
    if wanted is ArchiveFormat.TAR:
        return _tar_content(version)
    return Content(
        file_name=archive_name(version),
        size=version.archive_size,
        sha256=version.archive_sha256,
        read=partial(read_kept_archive, version.archive_layout_sha256),
        content_type="application/zip",
    )


def _tar_content(version: AdapterVersion) -> Content:
    parts = tar_parts(
        Manifest.model_validate(version.manifest),
        manifest_sha256=version.manifest_sha256,
        manifest_size=version.manifest_size,
    )
    layout = tar_layout(parts, digest_tar(version))
    return Content(
        file_name=archive_name(version, ArchiveFormat.TAR),
        size=layout.size,
        sha256=layout.sha256,
        read=partial(read_archive, layout),
        content_type="application/x-tar",
    )


def listed_files(version: AdapterVersion) -> list[ManifestFile]:
    """Every file that can be downloaded by itself: those that the manifest lists, the manifest, and `SHA256SUMS`."""
    manifest = Manifest.model_validate(version.manifest)
    listing = ManifestFile(path=MANIFEST_NAME, size=version.manifest_size, sha256=version.manifest_sha256)
    sums = manifest.checksums(version.manifest_sha256)
    checksums = ManifestFile(path=CHECKSUMS_NAME, size=len(sums), sha256=hashlib.sha256(sums).hexdigest())
    return [*manifest.files, listing, checksums]


def find_file(version: AdapterVersion, path: str, *, field: str = "", status: int = 404) -> ManifestFile:
    """The file of the version; `manifest.json` and `SHA256SUMS` count as files.

    Raises:
        NotFound: the version has no such file; with this field and status.
    """
    found = next((file for file in listed_files(version) if file.path == path), None)
    if found is None:
        raise NotFound("file", path, field=field, status=status)
    return found


def file_content(version: AdapterVersion, path: str) -> Content:
    """One file of the version.

    Raises:
        NotFound: the version has no such file.
    """
    found = find_file(version, path)
    name = path.rpartition("/")[2]
    return Content(
        file_name=name,
        size=found.size,
        sha256=found.sha256,
        read=partial(blob_pieces, found.sha256),
        content_type=CONTENT_TYPES.get(Path(name).suffix, BINARY),
    )
