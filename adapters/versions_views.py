"""The page with the versions of all adapters: narrowed by filters that stand in the address, chosen to be compared."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

from adapters.access import base_models_of
from adapters.alias_page import USUAL
from adapters.scores import MEASURES
from adapters.states import VersionOrigin, VersionStatus
from adapters.version_filters import ANY_STATUS, IN_USE, Order, VersionFilters, read_filters
from adapters.version_search import MAX_OFFSET, find_versions
from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.web.numbers import number_in
from finetune_app.web.parts import varied, wants_part

PER_PAGE = 25
OFFERED = 100
STATUSES = [
    (IN_USE, "In use"),
    *((status.value, status.value.capitalize()) for status in VersionStatus),
    (ANY_STATUS, "Any, also retired"),
]
ORIGINS = [("", "Any"), *((origin.value, origin.value.capitalize()) for origin in VersionOrigin)]
ORDERS = [
    (Order.NEWEST.value, "Newest first"),
    (Order.OLDEST.value, "Oldest first"),
    (Order.BEST.value, "Best score first"),
    (Order.WORST.value, "Worst score first"),
]
HINTS = {"dataset": "name or name@2", "method": "sft, dpo …", "owner": "username", "tag": "", "adapter": "name"}


@dataclass(frozen=True)
class ShownField:
    """One filter on the page; `choices` make it a select, `offered` a field with suggestions."""

    name: str
    label: str
    value: str
    error: str = ""
    kind: str = "text"
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    offered: tuple[str, ...] = ()


@workspace_view
@require_safe
def versions(request: HttpRequest, access: Access) -> HttpResponse:
    """What the filters leave; htmx brings the table alone, and the address keeps only what narrows."""
    given = {name: request.GET.get(name, "") for name in VersionFilters.model_fields}
    filters, problems = read_filters(given)
    offset = min(number_in(request.GET.get("offset", "")) or 0, MAX_OFFSET)
    found = None if problems else find_versions(access, filters, offset=offset, limit=PER_PAGE)
    context: dict[str, Any] = {
        "found": found,
        "filters": filters,
        "problems": problems,
        "previous": filters.address(offset=max(0, offset - PER_PAGE)) if offset else "",
        "next": filters.address(offset=found.next_offset) if found and found.next_offset else "",
    }
    if wants_part(request):
        response = render(request, "adapters/versions.html#found", context, status=422 if problems else 200)
        return varied(response if problems else push_url(response, request.path + filters.address(**_from(offset))))
    fields = _fields(access, given, problems)
    context |= {"search": fields[0], "fields": fields[1:], "is_open": any(field.value for field in fields[1:])}
    return varied(render(request, "adapters/versions.html", context, status=422 if problems else 200))


def _from(offset: int) -> dict[str, int]:
    return {"offset": offset} if offset else {}


def _fields(access: Access, given: dict[str, str], problems: dict[str, str]) -> list[ShownField]:
    bases = tuple(base_models_of(access).values_list("name", flat=True)[:OFFERED])
    people = tuple(access.workspace.members.order_by("username").values_list("username", flat=True)[:OFFERED])

    def field(name: str, label: str, kind: str = "text", **more: tuple[object, ...]) -> ShownField:
        return ShownField(
            name,
            label,
            given[name],
            problems.get(name, ""),
            kind,
            HINTS.get(name, ""),
            **more,  # type: ignore[arg-type]
        )

    return [
        field("q", "Words", "search"),
        field("base", "Base model", offered=bases),
        field("dataset", "Dataset"),
        field("metric", "Measure", choices=(("", "Any"), *((key, name) for key, name, _ in MEASURES))),
        field("min_score", "Score from", "number"),
        field("max_score", "to", "number"),
        field("method", "Method"),
        field("owner", "Made by", offered=people),
        field("alias", "Alias", offered=USUAL),
        field("tag", "Tag"),
        field("status", "Status", choices=tuple(STATUSES)),
        field("origin", "Origin", choices=tuple(ORIGINS)),
        field("made_from", "Made from", "date"),
        field("made_to", "to", "date"),
        field("order", "Order", choices=tuple(ORDERS)),
    ]
