"""Verified merged models as repositories: `workspace/adapter-Merged`, of which a rejected one is never a part.

A version's number and its aliases mean its newest verified merged model, `main` that of the newest version that has one
and is not retired. A commit means exactly one content.
"""

from adapters.models import Alias
from adapters.states import VersionStatus
from finetune_app.accounts.access import Access
from finetune_app.hub.refusals import no_repository, no_revision
from finetune_app.hub.repo_names import RepoName, is_commit
from finetune_app.hub.snapshot import Snapshot
from finetune_app.merges.chosen import verified_merged_models
from finetune_app.merges.downloads import file_content, listed_files
from finetune_app.merges.models import MergedModel
from finetune_app.merges.repository import adapter_of, commit_of_merged
from finetune_app.names import MAIN


def is_merged(repo: RepoName) -> bool:
    """Whether it is the name of a repository of merged models."""
    return adapter_of(repo.name) is not None


def find_merged(access: Access, repo: RepoName, revision: str) -> Snapshot:
    """The content that the revision of the repository means now.

    Raises:
        HubRefusal: there is none in the caller's workspace.
    """
    verified = _verified(access, repo)
    found = _named(verified).get(revision)
    if found is None and is_commit(revision):
        found = next((merged for merged in verified if commit_of_merged(merged) == revision), None)
    if found is None:
        hint = "every version with a verified merged model is retired; name a version" if revision == MAIN else ""
        raise no_revision(revision, hint)
    return _snapshot(repo, found)


def named_merged(access: Access, repo: RepoName) -> dict[str, str]:
    """The commit of every revision that has a name.

    Raises:
        HubRefusal: there is no such repository in the caller's workspace.
    """
    return {name: commit_of_merged(merged) for name, merged in _named(_verified(access, repo)).items()}


def _verified(access: Access, repo: RepoName) -> list[MergedModel]:
    if repo.owner != access.workspace.slug:
        raise no_repository()
    found = list(verified_merged_models(access).filter(version__adapter__name=adapter_of(repo.name)))
    if not found:
        raise no_repository()
    return found


def _named(verified: list[MergedModel]) -> dict[str, MergedModel]:
    """What each name means; they come newest first."""
    aliases: dict[int, list[str]] = {}
    for meant, name in Alias.objects.filter(adapter=verified[0].version.adapter_id).values_list("version", "name"):
        aliases.setdefault(meant, []).append(name)
    named: dict[str, MergedModel] = {}
    for merged in verified:
        version = merged.version
        names = [str(version.number), *aliases.get(version.pk, [])]
        for name in names if version.status == VersionStatus.RETIRED else [MAIN, *names]:
            named.setdefault(name, merged)
    return named


def _snapshot(repo: RepoName, merged: MergedModel) -> Snapshot:
    return Snapshot(
        repo=repo,
        commit=commit_of_merged(merged),
        made_at=merged.finished_at or merged.created_at,
        files=listed_files(merged),
        facts={
            "library_name": "transformers",
            "pipeline_tag": "text-generation",
            "tags": [
                "transformers",
                "safetensors",
                f"base_model:finetune:{repo.owner}/{merged.base_revision.base_model.name}",
            ],
        },
        content=lambda path: file_content(merged, path),
    )
