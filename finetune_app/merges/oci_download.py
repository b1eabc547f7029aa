"""The download of an OCI image layout: a tar that is put together of the merged model's blobs while it is sent."""

from functools import partial

from adapters.archive import read_kept_archive
from finetune_app.merges.models import Export
from finetune_app.web.ranged import Content


def oci_content(export: Export) -> Content:
    """The one file of a finished export of this kind.

    `files` tells its name, size and SHA-256, but unlike those of other kinds no blob has these: what is kept is the
    layout, which `result` names.
    """
    [file] = export.files
    return Content(
        file_name=file["path"],
        size=file["size"],
        sha256=file["sha256"],
        read=partial(read_kept_archive, export.result["layout_sha256"]),
        content_type="application/x-tar",
    )
