"""The page that sets up a job, and the parts of it that change while a person chooses.

`new` is the page; `options` fills in a preset, `modules` follows the base model, `summary` says what the choice means.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from adapters.access import adapters_of
from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.errors import UserError
from finetune_app.jobs.access import get_job
from finetune_app.jobs.config_form import USUAL_MODULES, ConfigForm, sentences_of, usual_modules
from finetune_app.jobs.config_options import OPTIONS
from finetune_app.jobs.estimate import estimate
from finetune_app.jobs.forms import TargetForm
from finetune_app.jobs.methods import load_config
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.models import Job
from finetune_app.jobs.presets import PRESETS
from finetune_app.jobs.services.create_job import create_job
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
    }
    target = TargetForm(access, initial=wanted)
    start = load_config(source.config) if source else None
    config = ConfigForm(modules=_modules(target), start=start)
    return _page(request, access, target, config, preset="" if source else FIRST_PRESET, source=source)


def _create(request: HttpRequest, access: Access) -> HttpResponse:
    target = TargetForm(access, request.POST)
    config = ConfigForm(request.POST, modules=_modules(target))
    if target.is_valid() & config.is_valid() and config.config is not None:  # `&`: both say what is wrong
        try:
            job = create_job(access, **target.cleaned_data, config=config.config.model_dump())
        except UserError as error:
            if not all(_has_place(target, field) for field in sentences_of(error)):
                raise
            target.add_problem(error)
            config.add_problem(error)
        else:
            return HttpResponseRedirect(workspace_url(access.workspace.slug, "jobs:detail", number=job.number))
    return _page(request, access, target, config, preset=request.POST.get("preset", ""), status=422)


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
    status: int = 200,
) -> HttpResponse:
    context = {
        "target": target,
        "config": config,
        "presets": PRESETS,
        "preset": preset,
        "source": source,
        "errors": [*target.errors, *config.errors],
        **_choice(access, target, _shown_config(config)),
    }
    return render(request, "jobs/new.html", context, status=status)


@workspace_view
@require_safe
def options(request: HttpRequest, access: Access) -> HttpResponse:
    """All options as `?preset=` sets them, for the chosen base."""
    access.require(Role.EDITOR)
    chosen = next((preset for preset in PRESETS if preset.name == request.GET.get("preset")), PRESETS[0])
    names = _modules(TargetForm(access, request.GET))
    start = chosen.config()
    if start.target_modules != ALL_LINEAR and not set(start.target_modules) & set(names):
        start = start.model_copy(update={"target_modules": usual_modules(names)})
    config = ConfigForm(modules=names, start=start)
    return _changed(render(request, "jobs/_options.html", {"config": config}))


@workspace_view
@require_safe
def modules(request: HttpRequest, access: Access) -> HttpResponse:
    """The target modules of the base that was just chosen; ticks that it knows too are kept."""
    access.require(Role.EDITOR)
    names = _modules(TargetForm(access, request.GET))
    ticked = [name for name in request.GET.getlist("target_modules") if name in names]
    config = ConfigForm(modules=names, start=SFTOptions(target_modules=ticked) if ticked else None)
    config.initial["all_linear"] = "all_linear" in request.GET
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
        context["problem"] = f"{OPTIONS[name].title}: {messages[0]}" if name in OPTIONS else messages[0]
    return render(request, "jobs/_summary.html", context)


def _choice(access: Access, target: TargetForm, config: TrainingConfig | None) -> dict[str, Any]:
    """The facts of the side panel, and the note below the adapter's name."""
    version, name = target.version, (target["adapter"].value() or "").strip()
    return {
        "base": target.base,
        "version": version,
        "chosen": config,
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


def _source(request: HttpRequest, access: Access) -> Job | None:
    """The job that `?from=` names, to start from its choices."""
    number = number_in(request.GET.get("from", ""))
    return None if number is None else get_job(access, number)
