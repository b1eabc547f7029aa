"""Keep a merged model and its proof: from one moment to the next it is there, whole, with its verdict."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from finetune_app.merges.models import MergedModel
from finetune_app.merges.report import MergeReport
from finetune_app.work import run_task


def keep_merge(
    merged: MergedModel, *, files: Sequence[dict[str, Any]], report: MergeReport, report_sha256: str
) -> None:
    """End the merge with what came of it; what is rejected is kept too, as that.

    Args:
        merged: the merge that runs, as its worker claimed it.
        files: `path`, `size` and `sha256` of each; their blobs are in the storage.
        report: the proof.
        report_sha256: its blob.

    Raises:
        WorkOver: somebody stopped it, or took it; nothing is written.
    """
    with transaction.atomic():
        run_task.hold(merged)
        run_task.succeed(
            merged,
            {"kl": report.kl, "top1": report.top1, "closest": report.closest},
            verdict=report.verdict,
            files=list(files),
            size=sum(file["size"] for file in files),
            report_sha256=report_sha256,
        )
