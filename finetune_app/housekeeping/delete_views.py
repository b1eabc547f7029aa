"""Pages that delete an adapter version, an adapter, a merged model, a base revision or a base model.

Each says what depends on it and what goes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from adapters.access import get_adapter, get_adapter_version, get_base_model, get_base_revision
from adapters.dependants import dependants_of_revisions, dependants_of_versions
from adapters.in_use import ADVICE
from adapters.models import AdapterVersion, BaseRevision
from adapters.services.delete_adapter import delete_adapter
from adapters.services.delete_base import delete_base_model, delete_base_revision
from adapters.services.delete_version import delete_version
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.merges.access import get_merged_model
from finetune_app.merges.services import delete_merged_model as deletion
from finetune_app.web.links import workspace_url


@dataclass(frozen=True)
class Going:
    """What a person is about to delete.

    Attributes:
        name: what it is called, e.g. `adder@3`.
        kind: what it is, e.g. `version`.
        goes: sentences that say what goes with it.
        stays: a sentence that says what does not.
        back: its own page.
        after: the page to show when it is gone.
        list_title: the heading of the list that it is in.
        list_url: where that list is.
        users: what depends on it.
        advice: what to do about those.
    """

    name: str
    kind: str
    goes: Sequence[str]
    stays: str
    back: str
    after: str
    list_title: str
    list_url: str
    users: Callable[[], list[str]]
    advice: str = ADVICE


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def remove_version(request: HttpRequest, access: Access, name: str, number: int | str) -> HttpResponse:
    """What goes with a version, and the button that deletes it."""
    access.require(Role.EDITOR)
    version = get_adapter_version(access, name, number)
    slug = access.workspace.slug
    is_last = version.adapter.versions.count() == 1
    goes = [f"{version} goes with its {len(version.manifest['files']):,} files, its tags and its notes."]
    if is_last:
        goes.append(f"It is the only version, so the adapter {name} goes too, with the history of its aliases.")
    listing = workspace_url(slug, "adapters:list")
    return _answer(
        request,
        lambda: delete_version(access, version),
        Going(
            name=str(version),
            kind="version",
            goes=goes,
            stays="" if is_last else f"The other versions of {name} stay, and the number is not given again.",
            back=workspace_url(slug, "adapters:version", name=name, number=version.number),
            after=listing if is_last else workspace_url(slug, "adapters:detail", name=name),
            list_title="Adapters",
            list_url=listing,
            users=lambda: dependants_of_versions(AdapterVersion.objects.filter(pk=version.pk)),
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def remove_adapter(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """What goes with an adapter, and the button that deletes it."""
    access.require(Role.EDITOR)
    adapter = get_adapter(access, name)
    slug = access.workspace.slug
    versions = adapter.versions.count()
    all_of_them = "its only version" if versions == 1 else f"all its {versions:,} versions"
    listing = workspace_url(slug, "adapters:list")
    return _answer(
        request,
        lambda: delete_adapter(access, adapter),
        Going(
            name=name,
            kind="adapter",
            goes=[f"The adapter {name} goes with {all_of_them} and the history of its aliases."],
            stays="The jobs that made it stay, with their logs and scores.",
            back=workspace_url(slug, "adapters:detail", name=name),
            after=listing,
            list_title="Adapters",
            list_url=listing,
            users=lambda: dependants_of_versions(AdapterVersion.objects.filter(adapter=adapter)),
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def remove_merged_model(request: HttpRequest, access: Access, name: str, label: int | str, merged: int) -> HttpResponse:
    """What goes with a merged model, and the button that deletes it."""
    access.require(Role.EDITOR)
    found = get_merged_model(access, name, label, merged)
    slug, version = access.workspace.slug, found.version
    goes = [f"Merged model {merged} of {version} goes with its {len(found.files):,} files and the report of its proof."]
    if exports := found.exports.count():
        go = "export goes" if exports == 1 else "exports go"
        goes.append(f"Its {exports:,} {go} too; what was sent elsewhere stays there.")
    of_version = workspace_url(slug, "adapters:version", name=name, number=version.number)
    return _answer(
        request,
        lambda: deletion.delete_merged_model(access, found),
        Going(
            name=f"merged model {merged} of {version}",
            kind="merged model",
            goes=goes,
            stays=f"{version} and {found.base_revision} stay, and can be merged again under another number.",
            back=workspace_url(slug, "merges:merged", name=name, label=version.number, merged=merged),
            after=of_version,
            list_title=str(version),
            list_url=of_version,
            users=lambda: deletion.still_at_work(found),
            advice=deletion.ADVICE,
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def remove_base_revision(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """What goes with a base revision, and the button that deletes it."""
    access.require(Role.EDITOR)
    revision = get_base_revision(access, name, number)
    slug = access.workspace.slug
    is_last = revision.base_model.revisions.count() == 1
    goes = [f"{revision} goes with its {len(revision.files):,} files."]
    if is_last:
        goes.append(f"It is the only revision, so the base model {name} goes too.")
    listing = workspace_url(slug, "bases:list")
    detail = workspace_url(slug, "bases:detail", name=name)
    return _answer(
        request,
        lambda: delete_base_revision(access, revision),
        Going(
            name=str(revision),
            kind="revision",
            goes=goes,
            stays="" if is_last else f"The other revisions of {name} stay, and the number is not given again.",
            back=workspace_url(slug, "bases:revision", name=name, number=number),
            after=listing if is_last else detail,
            list_title="Base models",
            list_url=listing,
            users=lambda: dependants_of_revisions(BaseRevision.objects.filter(pk=revision.pk)),
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_view
def remove_base_model(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """What goes with a base model, and the button that deletes it."""
    access.require(Role.EDITOR)
    base = get_base_model(access, name)
    slug = access.workspace.slug
    revisions = base.revisions.count()
    all_of_them = "its only revision" if revisions == 1 else f"all its {revisions:,} revisions"
    listing = workspace_url(slug, "bases:list")
    return _answer(
        request,
        lambda: delete_base_model(access, base),
        Going(
            name=name,
            kind="base model",
            goes=[f"The base model {name} goes with {all_of_them}."],
            stays="",
            back=workspace_url(slug, "bases:detail", name=name),
            after=listing,
            list_title="Base models",
            list_url=listing,
            users=lambda: dependants_of_revisions(BaseRevision.objects.filter(base_model=base)),
        ),
    )


def _answer(request: HttpRequest, delete: Callable[[], None], going: Going) -> HttpResponse:
    status = 200
    if request.method == "POST":
        try:
            delete()
        except UserError as error:
            if error.code != "in_use":
                raise
            status = error.status
        else:
            messages.success(request, f"{going.name} was deleted.")
            return HttpResponseRedirect(going.after)
    return render(request, "housekeeping/delete.html", {"going": going, "users": going.users()}, status=status)
