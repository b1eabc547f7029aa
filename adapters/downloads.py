"""What can be downloaded of an adapter version: the zip, and each file by itself."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from asgiref.sync import sync_to_async

from adapters.archive import ArchiveLayout, read_archive
from adapters.manifest import MANIFEST_NAME, ManifestFile
from adapters.models import AdapterVersion
from finetune_app.errors import NotFound
from finetune_app.storage import blobs
from finetune_app.web.ranged import Content

CONTENT_TYPES = {
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
}
BINARY = "application/octet-stream"


def archive_name(version: AdapterVersion) -> str:
    """The zip's file name, e.g. `support-json-v3.zip`."""
    return f"{version.adapter.name}-v{version.number}.zip"


def archive_content(version: AdapterVersion) -> Content:
    """The zip of the version."""
    return Content(
        file_name=archive_name(version),
        size=version.archive_size,
        sha256=version.archive_sha256,
        read=partial(_read_archive, version.archive_layout_sha256),
        content_type="application/zip",
    )


async def _read_archive(layout_sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
    layout = ArchiveLayout.model_validate_json(await sync_to_async(blobs.read, thread_sensitive=False)(layout_sha256))
    async for chunk in read_archive(layout, start, end):
        yield chunk


def listed_files(version: AdapterVersion) -> list[ManifestFile]:
    """Every file that can be downloaded by itself: those that the manifest lists, and the manifest."""
    listed = [ManifestFile.model_validate(file) for file in version.manifest["files"]]
    manifest = ManifestFile(path=MANIFEST_NAME, size=version.manifest_size, sha256=version.manifest_sha256)
    return [*listed, manifest]


def file_content(version: AdapterVersion, path: str) -> Content:
    """One file of the version; `manifest.json` counts as one.

    Raises:
        NotFound: the version has no such file.
    """
    found = next((file for file in listed_files(version) if file.path == path), None)
    if found is None:
        raise NotFound("file", path)
    name = path.rpartition("/")[2]
    return Content(
        file_name=name,
        size=found.size,
        sha256=found.sha256,
        read=partial(blobs.stream_range, found.sha256),
        content_type=CONTENT_TYPES.get(Path(name).suffix, BINARY),
    )
