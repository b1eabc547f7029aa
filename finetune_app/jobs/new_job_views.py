"""The page that sets up a job, and the parts of it that change while a person chooses.

`new` is the page; `options` fills in a preset or shows another method's options, `method` follows the dataset and
`modules` the base model; `summary` says what the choice means.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from adapters.access import adapters_of, find_adapter_version
from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.formats import RowForm
from finetune_app.errors import UserError
from finetune_app.jobs.access import get_job
from finetune_app.jobs.config_form import USUAL_MODULES, ConfigForm, sentences_of, typed_values, usual_modules
from finetune_app.jobs.continuing import continued_config
from finetune_app.jobs.estimate import estimate
from finetune_app.jobs.forms import TargetForm
from finetune_app.jobs.methods import DEFAULT_METHOD, METHODS, load_config, method_for
from finetune_app.jobs.models import Job
from finetune_app.jobs.option_remarks import remarks
from finetune_app.jobs.presets import PRESETS
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.services.retry_job import last_checkpoint, require_same_target, retry_job
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig
from finetune_app.web.links import workspace_url
from finetune_app.web.numbers import number_in

FIRST_PRESET = PRESETS[0].name


@workspace_view
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, access: Access) -> HttpResponse:
    """The form; posted, it queues the job and goes to its page."""
    access.require(Role.EDITOR)
    if request.method == "POST":
        return _create(request, access)
    source = _source(request, access)
    wanted = {
        "base_model": request.GET.get("base", str(source.base_revision) if source else ""),
        "dataset": request.GET.get("dataset", str(source.dataset_version) if source else ""),
        "adapter": request.GET.get("adapter", source.adapter_name if source else ""),
        "continues": str(source.continues) if source and source.continues else "",
        "gpus": str(source.gpus) if source else "1",
    }
    ancestor = _ancestor(request, access)
    if ancestor:
        wanted |= {"base_model": str(ancestor.base_revision), "continues": str(ancestor)}
        wanted["adapter"] = wanted["adapter"] or ancestor.adapter.name
    target = TargetForm(access, initial=wanted)
    asked = request.GET.get("method", "")
    method = asked if asked in METHODS else _fitting_method(target, DEFAULT_METHOD)
    start = load_config(source.config) if source else _start(target, method)
    if ancestor:
        start = continued_config(ancestor, start)
    config = ConfigForm(modules=_modules(target), start=start)
    preset = "" if source or ancestor else FIRST_PRESET
    return _page(request, access, target, config, preset=preset, source=source, retry="retry" in request.GET)


def _create(request: HttpRequest, access: Access) -> HttpResponse:
    source = _named_job(access, request.POST.get("retry_of", ""))
    target = TargetForm(access, request.POST)
    config = ConfigForm(request.POST, modules=_modules(target))
    if target.is_valid() & config.is_valid() and config.config is not None:  # `&`: both say what is wrong
        try:
            job = _queue(access, target.cleaned_data, config.config.model_dump(), retry_of=source)
        except UserError as error:
            if not all(_has_place(target, field) for field in sentences_of(error)):
                raise
            target.add_problem(error)
            config.add_problem(error)
        else:
            return HttpResponseRedirect(workspace_url(access.workspace.slug, "jobs:detail", number=job.number))
    preset = request.POST.get("preset", "")
    return _page(request, access, target, config, preset=preset, source=source, retry=source is not None, status=422)


def _queue(access: Access, target: dict[str, Any], config: dict[str, Any], *, retry_of: Job | None) -> Job:
    if retry_of is None:
        return create_job(access, **target, config=config)
    require_same_target(retry_of, target)
    return retry_job(access, retry_of, config, from_checkpoint=True)


def _has_place(target: TargetForm, field: str) -> bool:
    return field in target.fields or field.startswith("config.")


def _page(
    request: HttpRequest,
    access: Access,
    target: TargetForm,
    config: ConfigForm,
    *,
    preset: str,
    source: Job | None = None,
    retry: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "target": target,
        "config": config,
        "presets": PRESETS,
        "preset": preset,
        "source": source,
        "goes_on_from": last_checkpoint(source) if source and retry else None,
        "errors": [*target.errors, *config.errors],
        **_choice(access, target, _shown_config(config)),
    }
    return render(request, "jobs/new.html", context, status=status)


@workspace_view
@require_safe
def options(request: HttpRequest, access: Access) -> HttpResponse:
    """All options of `?method=`: as `?preset=` sets them, else as they were typed; for the chosen base."""
    access.require(Role.EDITOR)
    return _options(request, TargetForm(access, request.GET), request.GET.get("method", ""))


@workspace_view
@require_safe
def method(request: HttpRequest, access: Access) -> HttpResponse:
    """The options of the method that the dataset just chosen is for; nothing when the chosen method learns from it."""
    access.require(Role.EDITOR)
    target, asked = TargetForm(access, request.GET), request.GET.get("method", "")
    fitting = _fitting_method(target, asked)
    return HttpResponse(status=204) if fitting == asked else _options(request, target, fitting)


def _options(request: HttpRequest, target: TargetForm, asked: str) -> HttpResponse:
    name = asked if asked in METHODS else DEFAULT_METHOD
    modules = _modules(target)
    if "preset" in request.GET:
        chosen = next((preset for preset in PRESETS if preset.name == request.GET["preset"]), PRESETS[0])
        start = chosen.config(name)
        if start.target_modules != ALL_LINEAR and not set(start.target_modules) & set(modules):
            start = start.model_copy(update={"target_modules": usual_modules(modules)})
        config = ConfigForm(modules=modules, start=start)
    else:
        config = ConfigForm(modules=modules, start=_start(target, name), typed=typed_values(request.GET, name))
    return _changed(render(request, "jobs/_options.html", {"config": config, "is_update": True}))


def _start(target: TargetForm, method: str) -> TrainingConfig:
    """The method's defaults, with those modules that the base has."""
    return load_config({"method": method, "target_modules": usual_modules(_modules(target))})


def _fitting_method(target: TargetForm, asked: str) -> str:
    """`asked` where it learns from the chosen dataset's rows, else the method that these are made for."""
    if target.version is None:
        return asked
    form = RowForm(target.version.row_form)
    if asked in METHODS and form in METHODS[asked].forms:
        return asked
    return method_for(form).name


@workspace_view
@require_safe
def modules(request: HttpRequest, access: Access) -> HttpResponse:
    """The target modules of the base that was just chosen; ticks that it knows too are kept."""
    access.require(Role.EDITOR)
    names = _modules(TargetForm(access, request.GET))
    ticked = [name for name in request.GET.getlist("target_modules") if name in names] or usual_modules(names)
    config = ConfigForm(modules=names, typed={"target_modules": ticked, "all_linear": "all_linear" in request.GET})
    return _changed(render(request, "jobs/_target_modules.html", {"config": config, "field": config["target_modules"]}))


def _changed(response: HttpResponse) -> HttpResponse:
    """Tell the side panel that fields were replaced, once they are in place."""
    response["HX-Trigger-After-Swap"] = "job-options-changed"
    return response


@workspace_view
@require_safe
def summary(request: HttpRequest, access: Access) -> HttpResponse:
    """What the choice means, for the panel beside the form."""
    access.require(Role.EDITOR)
    target = TargetForm(access, request.GET)
    config = ConfigForm(request.GET, modules=_modules(target))
    context = _choice(access, target, _shown_config(config)) | {"is_update": True}
    if not config.is_valid():
        name, messages = next(iter(config.errors.items()))
        option = config.options.get(name)
        context["problem"] = f"{option.title}: {messages[0]}" if option else messages[0]
    return render(request, "jobs/_summary.html", context)


def _choice(access: Access, target: TargetForm, config: TrainingConfig | None) -> dict[str, Any]:
    """The facts of the side panel, and the note below the adapter's name."""
    version, name = target.version, (target["adapter"].value() or "").strip()
    return {
        "base": target.base,
        "version": version,
        "chosen": config,
        "remarks": remarks(config) if config else [],
        "ratio": config.lora_alpha / config.r if config else None,
        "estimate": estimate(version, config) if version and config else None,
        "next_version": _next_version(access, name),
        "adapter_name": name,
    }


def _shown_config(form: ConfigForm) -> TrainingConfig | None:
    return (form.config if form.is_valid() else None) if form.is_bound else form.start


def _next_version(access: Access, name: str) -> int | None:
    """The version that a new job of an existing adapter makes; None for a new name."""
    adapter = adapters_of(access).filter(name=name).first() if name else None
    if adapter is None:
        return None
    newest = AdapterVersion.objects.filter(adapter=adapter).order_by("-number").first()
    return newest.number + 1 if newest else 1


def _modules(target: TargetForm) -> list[str]:
    return list(target.base.linear_modules) if target.base else list(USUAL_MODULES)


def _ancestor(request: HttpRequest, access: Access) -> AdapterVersion | None:
    """The adapter version that `?continues=` names, to start with its weights and its LoRA options."""
    reference = request.GET.get("continues", "")
    return find_adapter_version(access, reference, field="continues") if reference else None


def _source(request: HttpRequest, access: Access) -> Job | None:
    """The job that `?from=` names, to start from its choices, or `?retry=`, to go on from its checkpoint too."""
    return _named_job(access, request.GET.get("retry", request.GET.get("from", "")))


def _named_job(access: Access, text: str) -> Job | None:
    number = number_in(text)
    return None if number is None else get_job(access, number)
