"""What can be downloaded of an export: each of its files, and `SHA256SUMS` for all of them."""

from adapters.manifest import ManifestFile
from finetune_app.errors import NotFound
from finetune_app.merges.downloads import file_content, is_stored, listed_files
from finetune_app.merges.models import Export
from finetune_app.merges.oci_download import oci_content
from finetune_app.merges.states import ExportKind
from finetune_app.web.ranged import Content


def export_files(export: Export) -> list[ManifestFile]:
    """Every file; none of one that is not done, or that went elsewhere."""
    return listed_files(export) if export.files else []


def export_content(export: Export, path: str) -> Content:
    """One file of the export.

    Raises:
        NotFound: it has no such file.
    """
    if not export.files:
        raise NotFound("file", path)
    content = file_content(export, path)
    return oci_content(export) if _is_put_together(export, path) else content


def is_blob(export: Export, path: str) -> bool:
    """Whether the file lies in the storage as it is downloaded."""
    return is_stored(path) and not _is_put_together(export, path)


def _is_put_together(export: Export, path: str) -> bool:
    return export.kind == ExportKind.OCI and is_stored(path)
