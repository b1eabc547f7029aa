"""What `_files.html` and `_use.html` show of a whole merged model: its files, and how to use it, or why not to."""

from typing import Any

from django.urls import reverse

from adapters.snippets import Way
from finetune_app.accounts.workspace_view import WorkspaceRequest
from finetune_app.merges.chosen import failed_gates
from finetune_app.merges.downloads import listed_files
from finetune_app.merges.models import MergedModel
from finetune_app.merges.options import MergeOptions
from finetune_app.merges.repository import commit_of_merged, repository_name
from finetune_app.merges.snippets import use_ways
from finetune_app.merges.states import Verdict
from finetune_app.merges.words import GateLine


def files_context(request: WorkspaceRequest, merged: MergedModel) -> dict[str, Any]:
    """For the templates; `failed` are the gates that a rejected one did not pass, which has no ways to be used."""
    is_verified = merged.verdict == Verdict.VERIFIED
    return {
        "merged": merged,
        "version": merged.version,
        "adapter": merged.version.adapter,
        "files": listed_files(merged),
        "is_verified": is_verified,
        "failed": [] if is_verified else [GateLine.of(gate) for gate in failed_gates(merged)],
        "ways": _ways(request, merged) if is_verified else [],
    }


def _ways(request: WorkspaceRequest, merged: MergedModel) -> list[Way]:
    version = merged.version
    place = {"name": version.adapter.name, "label": version.number, "merged": merged.number}
    sums = reverse("api:merged_file", kwargs=place | {"path": "SHA256SUMS"})
    return use_ways(
        root=request.build_absolute_uri("/"),
        repository=f"{request.workspace_access.workspace.slug}/{repository_name(version.adapter.name)}",
        commit=commit_of_merged(merged),
        adapter=version.adapter.name,
        version=version.number,
        number=merged.number,
        dtype=MergeOptions.model_validate(merged.options).dtype,
        files=request.build_absolute_uri(sums.rpartition("/")[0]),
    )
