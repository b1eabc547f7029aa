"""The SHA-256 of a version's tar: known since it was registered, or for older versions found out when it is wanted."""

from adapters.manifest import Manifest
from adapters.models import AdapterVersion
from adapters.tar_layout import tar_parts, tar_sha256
from finetune_app.storage import blobs


def digest_tar(version: AdapterVersion) -> str:
    """The SHA-256; reads all files of a version that does not have it yet, and keeps it.

    Raises:
        blobs.BlobMissing: the storage lost a file.
    """
    if not version.tar_sha256:
        manifest = Manifest.model_validate(version.manifest)
        parts = tar_parts(manifest, manifest_sha256=version.manifest_sha256, manifest_size=version.manifest_size)
        version.tar_sha256 = tar_sha256(parts, blobs.stream)
        AdapterVersion.objects.filter(pk=version.pk).update(tar_sha256=version.tar_sha256)
    return version.tar_sha256
