"""What the page of an export shows: how far it is, or its files, how to use them, and what was measured."""

from typing import Any

from django.urls import reverse

from adapters.snippets import Way
from finetune_app.accounts.workspace_view import WorkspaceRequest
from finetune_app.fleet.online import online_workers
from finetune_app.merges.export_downloads import export_files
from finetune_app.merges.export_snippets import Exported, export_ways
from finetune_app.merges.export_words import BYTES, advice_for, options_in_words, phase_words, title_of_kind
from finetune_app.merges.models import Export
from finetune_app.merges.provenance import slug_of
from finetune_app.merges.states import COMPUTED_EXPORTS, ExportKind
from finetune_app.work.states import CANCELLED, TaskState


def export_context(request: WorkspaceRequest, export: Export) -> dict[str, Any]:
    """For `exports/export.html` and its part."""
    merged = export.merged_model
    is_done = export.state == TaskState.SUCCEEDED
    return {
        "export": export,
        "merged": merged,
        "version": merged.version,
        "adapter": merged.version.adapter,
        "title": title_of_kind(export.kind),
        "which": options_in_words(export.options),
        "files": export_files(export),
        "ways": _ways(request, export) if is_done else [],
        **_progress(export),
    }


def place_of(export: Export) -> dict[str, str | int]:
    """What its addresses are made of; by numbers, whatever the person came by."""
    merged = export.merged_model
    version = merged.version
    return {
        "name": version.adapter.name,
        "label": version.number,
        "merged": merged.number,
        "number": export.number,
    }


def _progress(export: Export) -> dict[str, Any]:
    is_queued = export.state == TaskState.QUEUED
    is_computed = ExportKind(export.kind) in COMPUTED_EXPORTS
    waiting = "Waiting for a training worker" if is_computed else "Waiting for a worker"
    return {
        "label": waiting if is_queued else phase_words(export.phase),
        "unit": "bytes" if export.phase in BYTES else "",
        "is_computed": is_computed,
        "no_worker": is_queued and is_computed and not online_workers().exists(),
        "was_stopped": export.error_code == CANCELLED,
        "advice": advice_for(export.error_code),
    }


def _ways(request: WorkspaceRequest, export: Export) -> list[Way]:
    sums = reverse("api:export_file", kwargs=place_of(export) | {"path": "SHA256SUMS"})
    return export_ways(
        Exported(
            kind=ExportKind(export.kind),
            adapter=export.merged_model.version.adapter.name,
            name="-".join([slug_of(export.merged_model), *filter(None, [export.options.get("scheme")])]),
            files=request.build_absolute_uri(sums.rpartition("/")[0]),
            paths=[file["path"] for file in export.files],
            repository=export.result.get("repository", ""),
            commit=export.result.get("commit", ""),
        )
    )
