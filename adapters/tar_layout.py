"""The tar of an adapter version: like the zip it is never kept, only known: headers between the blobs of its files.

Unlike the zip's, these headers hold nothing but names, sizes and one date, so the manifest says all of them and no
layout is kept either. What is kept is the SHA-256 of the whole, by which a download is resumed.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
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
    parts: list[Part] = []
    between = b""  # the padding of the last file and the header of the next one
    for file in (*manifest.files, listing):
        parts.append(_literal(between + _header(manifest, file.path, file.size)))
        parts.append(Part(size=file.size, sha256=file.sha256))
        between = _padding(file.size, tarfile.BLOCKSIZE)
    end = between + _header(manifest, CHECKSUMS_NAME, len(sums)) + sums + _padding(len(sums), tarfile.BLOCKSIZE)
    end += bytes(2 * tarfile.BLOCKSIZE)
    end += _padding(sum(part.size for part in parts) + len(end), tarfile.RECORDSIZE)
    return (*parts, _literal(end))


def tar_layout(parts: tuple[Part, ...], sha256: str) -> ArchiveLayout:
    """The same as it is read for a download."""
    return ArchiveLayout(size=sum(part.size for part in parts), sha256=sha256, parts=parts)


def tar_sha256(parts: Iterable[Part], read: Callable[[str], Iterator[bytes]]) -> str:
    """The SHA-256 of the whole tar; `read` gives the bytes of the file with this SHA-256."""
    digest = hashlib.sha256()
    for chunk in chain.from_iterable([part.literal] if part.literal else read(part.sha256 or "") for part in parts):
        digest.update(chunk)
    return digest.hexdigest()


def _header(manifest: Manifest, path: str, size: int) -> bytes:
    entry = tarfile.TarInfo(f"{manifest.folder}/{path}")
    entry.size, entry.mode, entry.mtime = size, FILE_MODE, int(manifest.created_at.timestamp())
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int, block: int) -> bytes:
    return bytes(-size % block)


def _literal(content: bytes) -> Part:
    return Part.model_construct(size=len(content), literal=content)
