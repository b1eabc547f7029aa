"""A merged model as an OCI image layout (image-spec 1.1) in one tar, which is known and never kept.

Layers are plain tars with the model's files under `/models/`, so each blob of the layout is bytes that are made here
around the model's own blobs. Nothing holds a time, so the same files are the same image.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from adapters.archive import ArchiveLayout, Part
from adapters.tar_layout import FILE_MODE, lay_out_tar, literal_part, tar_layout, tar_sha256

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
FOLDER = "models"
FOLDER_MODE = 0o755
# What runs images has to mount each layer and takes some 120; smaller files share one.
LARGE_BYTES = 1024 * 1024
MOST_LAYERS = 100

Read = Callable[[str], Iterator[bytes]]


@dataclass(frozen=True)
class ImageFile:
    """A file of the image, below `/models/`: `content`, or the blob `sha256`."""

    path: str
    size: int
    sha256: str = ""
    content: bytes = b""

    @property
    def part(self) -> Part:
        """Its bytes in a tar."""
        return Part(size=self.size, sha256=self.sha256) if self.sha256 else literal_part(self.content)


@dataclass(frozen=True)
class Image:
    """The whole layout, and the digest by which a registry would know the image."""

    layout: ArchiveLayout
    manifest_sha256: str


@dataclass(frozen=True)
class _Blob:
    """One file of `blobs/sha256/`."""

    sha256: str
    parts: Sequence[Part]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def descriptor(self, media_type: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
        found = {"mediaType": media_type, "digest": f"sha256:{self.sha256}", "size": self.size}
        return found | ({"annotations": dict(annotations)} if annotations else {})


def lay_out_image(files: Sequence[ImageFile], *, name: str, annotations: Mapping[str, str], read: Read) -> Image:
    """Lay the files out. The bytes of all blobs are read twice: once for each layer's digest, once for the tar's.

    Args:
        files: of the image.
        name: what the image is called in the layout, `org.opencontainers.image.ref.name`.
        annotations: of its manifest; its config has them as labels.
        read: gives the bytes of the blob with this SHA-256, in parts.
    """
    groups = _layers(sorted(files, key=lambda file: file.path))
    layers = [_layer(group, read) for group in groups]
    titles = [group[0].path if len(group) == 1 else f"{len(group)} files" for group in groups]
    config = _json_blob(
        {
            "architecture": "amd64",  # a word has to stand there; nothing in the image is a program
            "os": "linux",
            "config": {"Labels": dict(annotations)},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in layers]},
            "history": [{"created_by": f"Graft: {title}"} for title in titles],
        }
    )
    manifest = _json_blob(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config.descriptor(CONFIG_TYPE),
            "layers": [
                layer.descriptor(LAYER_TYPE, {"org.opencontainers.image.title": title})
                for layer, title in zip(layers, titles, strict=True)
            ],
            "annotations": dict(annotations),
        }
    )
    reference = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest.descriptor(MANIFEST_TYPE, reference)]}
    parts = lay_out_tar(_members([config, manifest, *layers], index))
    return Image(tar_layout(parts, tar_sha256(parts, read)), manifest.sha256)


def _members(blobs: Iterable[_Blob], index: dict[str, Any]) -> Iterator[tuple[tarfile.TarInfo, Sequence[Part]]]:
    """The layout's files: first what says what it is."""
    texts = {"oci-layout": {"imageLayoutVersion": "1.0.0"}, "index.json": index}
    for name, value in texts.items():
        content = _json_bytes(value)
        yield _file(name, len(content)), [literal_part(content)]
    for name in ("blobs", "blobs/sha256"):
        yield _folder(name), []
    for blob in {blob.sha256: blob for blob in blobs}.values():
        yield _file(f"blobs/sha256/{blob.sha256}", blob.size), blob.parts


def _layers(files: Sequence[ImageFile]) -> list[tuple[ImageFile, ...]]:
    """Which files share a layer: the small ones, and of very many large ones a few each."""
    small = tuple(file for file in files if file.size < LARGE_BYTES)
    large = [file for file in files if file.size >= LARGE_BYTES]
    in_one = max(1, -(-len(large) // MOST_LAYERS))
    return [*([small] if small else []), *(tuple(large[at : at + in_one]) for at in range(0, len(large), in_one))]


def _layer(files: Sequence[ImageFile], read: Read) -> _Blob:
    folders = sorted(
        {folder for file in files for folder in PurePosixPath(FOLDER, file.path).parents} - {PurePosixPath()}
    )
    members = chain(
        ((_folder(str(folder)), []) for folder in folders),
        ((_file(f"{FOLDER}/{file.path}", file.size), [file.part]) for file in files),
    )
    parts = lay_out_tar(members)
    return _Blob(tar_sha256(parts, read), parts)


def _json_blob(value: dict[str, Any]) -> _Blob:
    content = _json_bytes(value)
    return _Blob(hashlib.sha256(content).hexdigest(), [literal_part(content)])


def _json_bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _file(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = size, FILE_MODE
    return entry


def _folder(path: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, FOLDER_MODE
    return entry
