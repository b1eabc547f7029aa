"""Aliases on the pages: the dialog that makes or moves one, taking one away, undoing a move, and all moves."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from adapters.access import get_adapter, get_adapter_version
from adapters.alias_condition import AliasCondition
from adapters.alias_form import AliasForm
from adapters.alias_page import last_moves, shown_moves
from adapters.alias_schemas import warning_of
from adapters.models import Adapter, Alias
from adapters.services.move_alias import move_alias, newest_moves, take_alias_away, undo_move
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import NotFound, UserError
from finetune_app.web.links import workspace_url
from finetune_app.web.numbers import number_in
from finetune_app.web.parts import lead_to, render_page_or_part

NEW = "new"  # in the address of an alias that is to be made
MOVES_PER_PAGE = 50


@workspace_view
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, access: Access, name: str, alias: int | str) -> HttpResponse:
    """The dialog, which is a page of its own without htmx; a POST moves the alias and leads to the adapter."""
    access.require(Role.EDITOR)
    adapter = get_adapter(access, name)
    current = None if alias == NEW else _alias(adapter, str(alias))
    form = AliasForm(
        request.POST if request.method == "POST" else None,
        adapter=adapter,
        alias=current,
        version=number_in(request.GET.get("version", "")),
    )
    if form.is_valid() and (url := _moved(request, access, adapter, form)):
        return lead_to(request, url)
    if form.is_bound and current is not None:
        form.show_as_it_is(_alias(adapter, current.name))
    context = {"adapter": adapter, "alias": current, "form": form, "url": request.get_full_path()}
    status = 422 if form.is_bound else 200
    return render_page_or_part(request, "adapters/move_alias.html", "adapters/_move_alias.html", context, status=status)


@workspace_view
@require_POST
def remove(request: HttpRequest, access: Access, name: str, alias: int | str) -> HttpResponse:
    """Take the alias away, as it was when its page was shown."""
    adapter = get_adapter(access, name)
    condition = AliasCondition.seen(number_in(request.POST.get("moves", "")) or 0)
    try:
        take_alias_away(access, adapter, str(alias), reason=request.POST.get("reason", ""), condition=condition)
        messages.success(request, f"“{alias}” was taken away.")
    except UserError as error:
        _tell(request, error)
    return HttpResponseRedirect(_url(access, adapter))


@workspace_view
@require_POST
def undo(request: HttpRequest, access: Access, name: str, move: int) -> HttpResponse:
    """Take a move back by a new one."""
    adapter = get_adapter(access, name)
    try:
        back = undo_move(access, adapter, move)
        where = f"means v{back.to_number} again" if back.to_number else "was taken away"
        messages.success(request, f"“{back.name}” {where}.")
    except UserError as error:
        _tell(request, error)
    return HttpResponseRedirect(_url(access, adapter))


@workspace_view
@require_safe
def moves(request: HttpRequest, access: Access, name: str) -> HttpResponse:
    """Every move of the adapter's aliases, the newest first."""
    adapter = get_adapter(access, name)
    page = Paginator(newest_moves(adapter).select_related("moved_by"), MOVES_PER_PAGE).get_page(request.GET.get("page"))
    shown = shown_moves(list(page), set(last_moves(adapter).values()))
    return render(request, "adapters/alias_moves.html", {"adapter": adapter, "page": page, "moves": shown})


def _moved(request: HttpRequest, access: Access, adapter: Adapter, form: AliasForm) -> str:
    """Where to go after the move; "" when it was refused, which the form then says."""
    values = form.cleaned_data
    try:
        moved = move_alias(
            access,
            get_adapter_version(access, adapter.name, values["version"]),
            values["alias"],
            reason=values["reason"],
            condition=AliasCondition.seen(values["moves"]),
        )
    except UserError as error:
        _tell(request, error, form)
        return ""
    messages.success(request, f"“{moved.name}” means v{moved.version.number} now.")
    if warning := warning_of(moved):
        messages.warning(request, warning)
    return _url(access, adapter)


def _tell(request: HttpRequest, error: UserError, form: AliasForm | None = None) -> None:
    """What the person can mend: beside its field, or on the next page. The rest is refused as everywhere."""
    if error.status in {403, 404}:
        raise error
    if form is None:
        messages.error(request, error.message)
    else:
        is_shown = error.field in form.fields and not form[error.field].is_hidden
        form.add_error(error.field if is_shown else None, error.message)


def _alias(adapter: Adapter, name: str) -> Alias:
    found = adapter.aliases.select_related("version").filter(name=name).first()
    if found is None:
        raise NotFound("alias", f"{adapter.name}@{name}")
    return found


def _url(access: Access, adapter: Adapter) -> str:
    # Without a fragment: a browser that is on this page already would only scroll.
    return workspace_url(access.workspace.slug, "adapters:detail", name=adapter.name)
