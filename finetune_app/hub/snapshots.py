"""What a repository's name and revision mean: an adapter version, a revision of a base model, or a merged model.

An adapter's revisions are its numbers, its aliases, and `main`: the newest that is not retired. A base model's are its
numbers, and `main` for the newest. Either is also found by its commit. Where an adapter and a base model have the same
name, the name means the adapter. Merged models have names of their own (`merged.py`).
"""

from functools import partial

from django.db.models import QuerySet

from adapters.access import adapter_versions_of, base_revisions_of
from adapters.commits import commit_of, commit_of_files
from adapters.downloads import file_content, listed_files
from adapters.manifest import CHECKSUMS_NAME, Manifest, ManifestFile
from adapters.models import AdapterVersion, BaseRevision
from adapters.states import VersionStatus
from finetune_app.accounts.access import Access
from finetune_app.hub.merged import find_merged, is_merged, named_merged
from finetune_app.hub.refusals import no_repository, no_revision, several_revisions
from finetune_app.hub.repo_names import RepoName, is_commit
from finetune_app.hub.snapshot import Snapshot
from finetune_app.names import MAIN, NUMBER_DIGITS
from finetune_app.storage.spans import blob_pieces
from finetune_app.web.ranged import Content, bytes_content


def find_snapshot(access: Access, repo: RepoName, revision: str) -> Snapshot:
    """The content that the revision of the repository means now.

    Raises:
        HubRefusal: there is none in the caller's workspace.
    """
    if is_merged(repo):
        return find_merged(access, repo, revision)
    if repo.owner == access.workspace.slug:
        if (versions := _versions(access, repo)).exists():
            return _of_version(repo, _version(versions, revision))
    elif repo.owner:
        raise no_repository()
    revisions = list(_revisions(access, repo))
    if not revisions:
        raise no_repository()
    if not repo.owner and revision == MAIN and len(revisions) > 1:
        raise several_revisions(repo, [found.number for found in revisions])
    return _of_base(repo, _revision(revisions, revision))


def require_repository(access: Access, repo: RepoName) -> None:
    """There is such a repository in the caller's workspace, whatever its revisions are.

    Raises:
        HubRefusal: there is none.
    """
    if is_merged(repo):
        named_merged(access, repo)
        return
    is_here = repo.owner == access.workspace.slug
    if (is_here and _versions(access, repo).exists()) or (
        (is_here or not repo.owner) and _revisions(access, repo).exists()
    ):
        return
    raise no_repository()


def named_revisions(access: Access, repo: RepoName) -> dict[str, str]:
    """The commit of every revision that has a name: numbers, aliases and `main`.

    Raises:
        HubRefusal: there is no such repository in the caller's workspace.
    """
    if is_merged(repo):
        return named_merged(access, repo)
    require_repository(access, repo)
    found = _versions(access, repo).values_list("number", "manifest_sha256", "status", "aliases__name")
    if not repo.owner or not found:
        revisions = list(_revisions(access, repo))
        return {MAIN: commit_of_files(revisions[0].files)} | {
            str(each.number): commit_of_files(each.files) for each in revisions
        }
    named: dict[str, str] = {}
    for number, sha256, status, alias in found:
        if status != VersionStatus.RETIRED:
            named.setdefault(MAIN, commit_of(sha256))
        named[str(number)] = commit_of(sha256)
        if alias:
            named[alias] = commit_of(sha256)
    return named


def _versions(access: Access, repo: RepoName) -> QuerySet[AdapterVersion]:
    return adapter_versions_of(access).filter(adapter__name=repo.name).order_by("-number")


def _revisions(access: Access, repo: RepoName) -> QuerySet[BaseRevision]:
    return base_revisions_of(access).filter(base_model__name=repo.name)


def _version(versions: QuerySet[AdapterVersion], revision: str) -> AdapterVersion:
    if revision == MAIN:
        found = versions.exclude(status=VersionStatus.RETIRED).first()
    elif is_commit(revision):
        found = versions.filter(manifest_sha256__startswith=revision).first()
    elif _is_number(revision):
        found = versions.filter(number=int(revision)).first()
    else:
        found = None
    found = found or versions.filter(aliases__name=revision).first()
    if found is None:
        hint = "every version is retired; name a version" if revision == MAIN else ""
        raise no_revision(revision, hint)
    return found


def _revision(revisions: list[BaseRevision], wanted: str) -> BaseRevision:
    for revision in revisions:
        if wanted in {str(revision.number), commit_of_files(revision.files)} or wanted == MAIN:
            return revision
    raise no_revision(wanted)


def _is_number(revision: str) -> bool:
    return revision.isascii() and revision.isdigit() and len(revision) <= NUMBER_DIGITS


def _of_version(repo: RepoName, version: AdapterVersion) -> Snapshot:
    base = version.base_revision
    sums = _checksums(version)
    return Snapshot(
        repo=repo,
        commit=commit_of(version.manifest_sha256),
        made_at=version.created_at,
        files=[*(file for file in listed_files(version) if file.path != CHECKSUMS_NAME), _entry(sums)],
        facts={
            "library_name": "peft",
            "pipeline_tag": "text-generation",
            "tags": ["peft", "safetensors", "lora", f"base_model:adapter:{repo.owner}/{base.base_model.name}"],
        },
        content=lambda path: sums if path == CHECKSUMS_NAME else file_content(version, path),
    )


def _of_base(repo: RepoName, revision: BaseRevision) -> Snapshot:
    files = {file["path"]: ManifestFile.model_validate(file) for file in revision.files}
    return Snapshot(
        repo=repo,
        commit=commit_of_files(revision.files),
        made_at=revision.created_at,
        files=list(files.values()),
        facts={
            "library_name": "transformers",
            "pipeline_tag": "text-generation",
            "tags": ["transformers", "safetensors"],
        },
        content=lambda path: _blob(files[path]),
    )


def _blob(file: ManifestFile) -> Content:
    name = file.path.rpartition("/")[2]
    return Content(name, file.size, file.sha256, partial(blob_pieces, file.sha256))


def _checksums(version: AdapterVersion) -> Content:
    content = Manifest.model_validate(version.manifest).checksums(version.manifest_sha256)
    return bytes_content(CHECKSUMS_NAME, content, "text/plain; charset=utf-8")


def _entry(content: Content) -> ManifestFile:
    return ManifestFile(path=content.file_name, size=content.size, sha256=content.sha256)
