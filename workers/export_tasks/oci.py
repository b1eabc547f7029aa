"""The export as an OCI image layout: it reads the merged model's blobs for their digests, and keeps what lies between.

Unlike other exports it leaves no bytes of the model: `finetune_app/merges/oci_download.py` puts the tar together.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from finetune_app.jobs.states import Phase
from finetune_app.merges.models import Export, MergedModel
from finetune_app.merges.oci_layout import ImageFile, lay_out_image
from finetune_app.merges.provenance import accompanying_files, slug_of, title_of
from finetune_app.storage import blobs
from finetune_app.work import run_task
from workers.task_program import InWorkerProgram, Report

READS = 2  # of all bytes: see `lay_out_image`


def run(export: Export, report: Report) -> dict[str, Any]:
    """What is kept: the layout, and what the tar will be.

    Raises:
        blobs.BlobMissing: the storage lost a file.
        blobs.BlobDamaged: a file in the storage is not what it was.
    """
    merged = export.merged_model
    done, total, checked = 0, READS * merged.size, set[str]()

    def read(sha256: str) -> Iterator[bytes]:
        nonlocal done
        digest = hashlib.sha256()
        for part in blobs.stream(sha256):
            yield part
            if sha256 not in checked:
                digest.update(part)
            done += len(part)
            report(min(done, total), total)
        if sha256 not in checked and digest.hexdigest() != sha256:
            raise blobs.BlobDamaged(sha256)
        checked.add(sha256)

    files = [ImageFile(file["path"], file["size"], sha256=file["sha256"]) for file in merged.files]
    files += [ImageFile(name, len(content), content=content) for name, content in accompanying_files(merged).items()]
    name = slug_of(merged)
    image = lay_out_image(files, name=name, annotations=_annotations(merged), read=read)
    return {
        "file": {"path": f"{name}.oci.tar", "size": image.layout.size, "sha256": image.layout.sha256},
        "layout_sha256": blobs.put_bytes(image.layout.to_bytes()).sha256,
        "image_digest": f"sha256:{image.manifest_sha256}",
    }


def keep(export: Export, found: dict[str, Any]) -> None:
    """End the export with its one file, and with the layout that it is read by.

    Raises:
        WorkOver: somebody stopped it.
    """
    file = found.pop("file")
    run_task.succeed(export, found, files=[file], size=file["size"])


def _annotations(merged: MergedModel) -> dict[str, str]:
    """What the image says of itself; those of the specification, and Graft's own."""
    return {
        "org.opencontainers.image.title": title_of(merged),
        "org.opencontainers.image.version": f"{merged.version.number}.{merged.number}",
        "graft.adapter": str(merged.version),
        "graft.adapter.manifest": f"sha256:{merged.version.manifest_sha256}",
        "graft.base": str(merged.base_revision),
        "graft.base.weights": f"sha256:{merged.base_revision.weights_root}",
        "graft.report": f"sha256:{merged.report_sha256}",
    }


OCI = InWorkerProgram(run, keep, Phase.READING)
