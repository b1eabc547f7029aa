"""The page that compares two revisions of a base model, and the button that allows a revision's own code."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from adapters.access import base_revisions_of, get_base_model, get_base_revision
from adapters.base_diff import BaseDiff
from adapters.models import BaseRevision
from adapters.services.compare_bases import compare_bases
from adapters.services.trust_base_code import trust_base_code
from adapters.tensor_diff import grouped
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import NotFound
from finetune_app.web.links import workspace_url

SHOWN_TOKENS = 200  # of each kind


@workspace_view
def compare(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """What the revision `?new=` changes of `?old=`; without them, the newest of the one before it."""
    base_model = get_base_model(access, name)
    revisions = list(base_revisions_of(access).filter(base_model=base_model))
    numbers = [revision.number for revision in revisions]
    new = _chosen(revisions, request.GET.get("new", ""), 0)
    before = [number for number in numbers if new and number < new.number]
    old = _chosen(revisions, request.GET.get("old", ""), numbers.index(before[0]) if before else -1)
    context: dict[str, Any] = {"base_model": base_model, "revisions": revisions, "old": old, "new": new}
    if old and new and old != new:
        context |= _differences(compare_bases(old, new))
    return render(request, "bases/compare.html", context)


@require_POST
@workspace_view
def decide_on_code(request: HttpRequest, access: Access, name: str, number: int) -> HttpResponse:
    """Allow or forbid the revision's own code."""
    revision = get_base_revision(access, name, number)
    allowed = request.POST.get("allowed") == "yes"
    trust_base_code(access, revision, allowed=allowed)
    messages.success(request, f"The Python of {revision} {'may' if allowed else 'may not'} run on workers now.")
    return HttpResponseRedirect(workspace_url(access.workspace.slug, "bases:revision", name=name, number=number))


def _chosen(revisions: list[BaseRevision], number: str, default: int) -> BaseRevision | None:
    """The revision with this number; where none is named, the one at the place `default`, -1 for none.

    Raises:
        NotFound: there is no such revision.
    """
    if not number:
        return revisions[default] if 0 <= default < len(revisions) else None
    found = next((revision for revision in revisions if str(revision.number) == number), None)
    if found is None:
        raise NotFound("base revision", number)
    return found


def _differences(diff: BaseDiff) -> dict[str, Any]:
    tokens = diff.tokenizer
    return {
        "diff": diff,
        "groups": grouped(diff.tensors),
        "config": [(change, _text(change.old), _text(change.new)) for change in diff.config],
        "token_lists": [
            ("Added tokens", tokens.added[:SHOWN_TOKENS], len(tokens.added)),
            ("Removed tokens", tokens.removed[:SHOWN_TOKENS], len(tokens.removed)),
        ],
        "moved": tokens.moved[:SHOWN_TOKENS],
        "special": [(change, _text(change.old), _text(change.new)) for change in tokens.special],
        "shown": SHOWN_TOKENS,
    }


def _text(value: Any) -> str:
    return "—" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
