"""The requests that `huggingface_hub` makes when it reads: what a revision is, which files it has, and each file.

Only a token counts here, never who is signed in, so no other site's page can read anything by a person's browser.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from adapters.direct_response import file_response
from adapters.manifest import CHECKSUMS_NAME
from finetune_app.accounts.access import Access
from finetune_app.accounts.token_auth import TokenAuth
from finetune_app.hub import answers
from finetune_app.hub.refusals import HubRefusal, anonymous, no_entry, no_repository, wrong_token
from finetune_app.hub.repo_names import RepoName, is_commit
from finetune_app.hub.snapshot import Snapshot
from finetune_app.hub.snapshots import find_snapshot, named_revisions, require_repository
from finetune_app.names import MAIN
from finetune_app.web.ranged import ASK_AGAIN, ranged_response


def _hub_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view gets the caller's access; what it refuses is said in the hub's words."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, **named: Any) -> HttpResponse:
        try:
            return view(request, _caller(request), **named)
        except HubRefusal as refusal:
            return refusal.response()

    return answer


@require_safe
@_hub_view
def whoami(_request: HttpRequest, access: Access) -> HttpResponse:
    """Whom the token stands for."""
    return JsonResponse(answers.whoami(access))


@require_safe
@_hub_view
def info(request: HttpRequest, access: Access, repo: RepoName, revision: str = MAIN) -> HttpResponse:
    """The repository at the commit that the revision means now."""
    snapshot = find_snapshot(access, repo, revision)
    return JsonResponse(answers.model_info(snapshot, with_sizes="blobs" in request.GET))


@require_safe
@_hub_view
def tree(request: HttpRequest, access: Access, repo: RepoName, revision: str, path: str = "") -> HttpResponse:
    """What lies in a folder."""
    snapshot = find_snapshot(access, repo, revision)
    deep = request.GET.get("recursive", "").lower() in {"true", "1"}
    found = answers.entries(snapshot.files, path.strip("/"), deep=deep)
    if not found:
        raise no_entry(snapshot.commit)
    return JsonResponse(found, safe=False)


@require_POST
@_hub_view
def paths_info(request: HttpRequest, access: Access, repo: RepoName, revision: str) -> HttpResponse:
    """Those of the asked paths that there are."""
    snapshot = find_snapshot(access, repo, revision)
    asked = {path.strip("/") for path in request.POST.getlist("paths")}
    found = answers.entries(snapshot.files, "", deep=True)
    return JsonResponse([entry for entry in found if entry["path"] in asked], safe=False)


@require_safe
@_hub_view
def refs(_request: HttpRequest, access: Access, repo: RepoName) -> HttpResponse:
    """The revisions that have names."""
    return JsonResponse(answers.refs(named_revisions(access, repo)))


@require_safe
@_hub_view
def auth_check(_request: HttpRequest, access: Access, repo: RepoName) -> HttpResponse:
    """Whether the caller may read it."""
    require_repository(access, repo)
    return HttpResponse()


@_hub_view
def nothing_here(_request: HttpRequest, _access: Access, path: str) -> HttpResponse:  # noqa: ARG001 - the address has it
    """Datasets and spaces are not read this way."""
    raise no_repository()


@require_safe
async def resolve(request: HttpRequest, repo: RepoName, revision: str, path: str) -> HttpResponseBase:
    """One file, in whole or a part of it."""
    try:
        snapshot = await sync_to_async(_find)(request, repo, revision)
        if path not in {file.path for file in snapshot.files}:
            raise no_entry(snapshot.commit)
    except HubRefusal as refusal:
        return refusal.response()
    content = snapshot.content(path)
    # The checksums are written when they are asked for; all else lies in the storage.
    answer = ranged_response(request, content) if path == CHECKSUMS_NAME else file_response(request, content)
    answer.headers["X-Repo-Commit"] = snapshot.commit
    answer.headers["X-Linked-Etag"] = content.etag
    answer.headers["X-Linked-Size"] = str(content.size)
    if not is_commit(revision):  # what a name means may change; only a commit is for ever
        answer.headers["Cache-Control"] = ASK_AGAIN
    return answer


def _find(request: HttpRequest, repo: RepoName, revision: str) -> Snapshot:
    return find_snapshot(_caller(request), repo, revision)


def _caller(request: HttpRequest) -> Access:
    if "authorization" not in request.headers:
        raise anonymous()
    access: Access | None = TokenAuth()(request)
    if access is None:
        raise wrong_token()
    return access
