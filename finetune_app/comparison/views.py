"""The page “Compare versions”: the choice, what differs, the curves as JSON, and how the weights changed."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from adapters.access import adapter_versions_of
from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.comparison.choice import FIELD, LEAST, MOST, Choice, choose
from finetune_app.comparison.curves import curves_of
from finetune_app.comparison.page import compare_versions
from finetune_app.comparison.services.ask_deltas import ask_deltas, deltas_of
from finetune_app.comparison.strips import cosine_matrix, likeness_grids, norm_grids
from finetune_app.web.links import workspace_url
from finetune_app.web.parts import wants_part
from finetune_app.work.states import TaskState

SUGGESTED = 50  # newest versions that the fields offer


@workspace_view
@require_safe
def versions(request: HttpRequest, access: Access) -> HttpResponse:
    """The versions that `?v=name@3&v=other@production` names beside each other, or how to choose them."""
    choice = choose(access, request.GET.getlist(FIELD))
    context: dict[str, object] = {
        "choice": choice,
        "fields": _fields(choice),
        "least": LEAST,
        "most": MOST,
        "suggested": _suggested(access),
        "shows_all": "all" in request.GET,
    }
    if choice.is_whole:
        context |= {"compared": compare_versions(choice.versions), "query": _query(choice.versions)}
    return render(request, "comparison/versions.html", context, status=422 if _is_wrong(choice) else 200)


@workspace_view
@require_safe
def curves(request: HttpRequest, access: Access) -> JsonResponse:
    """The losses by step, for the chart."""
    found = curves_of(access, choose(access, request.GET.getlist(FIELD)).require())
    return JsonResponse(
        {
            "curves": [
                {
                    "version": str(curve.version),
                    "training": curve.training,
                    "held_out": curve.held_out,
                    "missing": curve.missing,
                }
                for curve in found
            ]
        }
    )


@workspace_view
@require_http_methods(["GET", "HEAD", "POST"])
def deltas(request: HttpRequest, access: Access) -> HttpResponse:
    """How the versions changed the weights, or how far the worker is; a POST asks again for what failed."""
    chosen = choose(access, request.GET.getlist(FIELD)).require()
    task = ask_deltas(access, chosen, again=request.method == "POST")
    if not wants_part(request):
        page = workspace_url(access.workspace.slug, "comparison:versions")
        return HttpResponseRedirect(f"{page}?{_query(chosen)}")
    context: dict[str, object] = {"task": task, "query": _query(chosen), "sides": compare_versions(chosen).sides}
    if task.state == TaskState.SUCCEEDED:
        found = deltas_of(task, chosen)
        sides = compare_versions(chosen).sides
        context |= {
            "norms": list(zip(sides, found.versions, norm_grids(found), strict=True)),
            "alike": [(sides[place], grid) for place, grid in likeness_grids(found)],
            "matrix": list(zip(sides, cosine_matrix(found), strict=True)),
        }
    return render(request, "comparison/_deltas.html", context)


def _is_wrong(choice: Choice) -> bool:
    return bool(choice.error) or any(one.error for one in choice.chosen)


def _fields(choice: Choice) -> list[tuple[str, str]]:
    """What stands in each field of the form, and what is wrong with it; one more than was chosen to add to it."""
    filled = [(one.text, one.error) for one in choice.chosen]
    empty = max(LEAST - len(filled), 1 if len(filled) < MOST else 0)
    return [*filled, *[("", "")] * empty]


def _suggested(access: Access) -> list[str]:
    newest = adapter_versions_of(access).values_list("adapter__name", "number")[:SUGGESTED]
    return [f"{name}@{number}" for name, number in newest]


def _query(chosen: list[AdapterVersion]) -> str:
    """Exactly these versions, also when an alias moves while the page is open."""
    query = QueryDict(mutable=True)
    query.setlist(FIELD, [str(version) for version in chosen])
    return query.urlencode(safe="@")
