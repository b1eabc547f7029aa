"""The tar of an adapter version: like the zip it is never kept, only known: headers between the blobs of its files.

Unlike the zip's, these headers hold nothing but names, sizes and one date, so the manifest says all of them and no
layout is kept either. What is kept is the SHA-256 of the whole, by which a download is resumed.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from adapters.archive import ArchiveLayout, Part
from adapters.manifest import CHECKSUMS_NAME, MANIFEST_NAME, Manifest, ManifestFile

FILE_MODE = 0o644


def tar_parts(manifest: Manifest, *, manifest_sha256: str, manifest_size: int) -> tuple[Part, ...]:
    """The tar from front to back: the files that the manifest lists, the manifest, and `SHA256SUMS`.

    The same arguments give the same bytes.
    """
    sums = manifest.checksums(manifest_sha256)
    listing = ManifestFile(path=MANIFEST_NAME, size=manifest_size, sha256=manifest_sha256)
    members = [
        (_entry(manifest, file.path, file.size), [Part(size=file.size, sha256=file.sha256)])
        for file in (*manifest.files, listing)
    ]
    return lay_out_tar([*members, (_entry(manifest, CHECKSUMS_NAME, len(sums)), [literal_part(sums)])])


def lay_out_tar(members: Iterable[tuple[tarfile.TarInfo, Sequence[Part]]]) -> tuple[Part, ...]:
    """A tar from front to back, of entries and what each consists of; a folder of nothing."""
    parts: list[Part] = []
    between = b""  # what stands between two blobs: the padding of the last one, headers, small files
    for entry, content in members:
        between += entry.tobuf(tarfile.PAX_FORMAT)
        for part in content:
            if part.literal is not None:
                between += part.literal
            else:
                parts += [literal_part(between)] * bool(between) + [part]
                between = b""
        between += _padding(entry.size, tarfile.BLOCKSIZE)
    between += bytes(2 * tarfile.BLOCKSIZE)
    between += _padding(sum(part.size for part in parts) + len(between), tarfile.RECORDSIZE)
    return (*parts, literal_part(between))


def tar_layout(parts: tuple[Part, ...], sha256: str) -> ArchiveLayout:
    """The same as it is read for a download."""
    return ArchiveLayout(size=sum(part.size for part in parts), sha256=sha256, parts=parts)


def tar_sha256(parts: Iterable[Part], read: Callable[[str], Iterator[bytes]]) -> str:
    """The SHA-256 of the whole tar; `read` gives the bytes of the file with this SHA-256."""
    digest = hashlib.sha256()
    for chunk in chain.from_iterable([part.literal] if part.literal else read(part.sha256 or "") for part in parts):
        digest.update(chunk)
    return digest.hexdigest()


def literal_part(content: bytes) -> Part:
    """A stretch of these bytes."""
    return Part.model_construct(size=len(content), literal=content)


def _entry(manifest: Manifest, path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(f"{manifest.folder}/{path}")
    entry.size, entry.mode, entry.mtime = size, FILE_MODE, int(manifest.created_at.timestamp())
    return entry


def _padding(size: int, block: int) -> bytes:
    return bytes(-size % block)
