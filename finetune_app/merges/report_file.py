"""The proof of a merged model as it lies in the storage."""

from django.http import HttpResponse

from finetune_app.errors import NotFound
from finetune_app.merges.models import MergedModel
from finetune_app.merges.report import MergeReport
from finetune_app.storage import blobs


def read_report(merged: MergedModel) -> MergeReport | None:
    """The proof; None when there is none yet, or the storage lost it.

    Raises:
        blobs.BlobDamaged: it is not what it was.
    """
    content = _content(merged)
    return MergeReport.model_validate_json(content) if content else None


def report_answer(merged: MergedModel) -> HttpResponse:
    """The proof as JSON, as the prover wrote it.

    Raises:
        NotFound: there is none, or not yet.
    """
    content = _content(merged)
    if not content:
        raise NotFound("report of a merged model", f"{merged.version}/{merged.number}")
    return HttpResponse(content, content_type="application/json")


def _content(merged: MergedModel) -> bytes:
    try:
        return blobs.read(merged.report_sha256) if merged.report_sha256 else b""
    except blobs.BlobMissing:
        return b""
