"""What can be taken along from a job: its config as YAML, and a plain script. The page and REST send the same bytes."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.access import get_job
from finetune_app.jobs.export_script import SCRIPT_TYPE, ScriptFacts, job_script
from finetune_app.jobs.export_yaml import YAML_TYPE, job_yaml
from finetune_app.jobs.many_processes import share_of_one
from finetune_app.jobs.methods import load_config
from finetune_app.jobs.models import Job
from finetune_app.jobs.priorities import Priority, priority_of


def order_of(job: Job) -> dict[str, str | int | None]:
    """What the job is about, as `POST /jobs` calls it; None for what is as usual."""
    priority = priority_of(job.priority)
    return {
        "adapter": job.adapter_name,
        "dataset": str(job.dataset_version),
        "base_model": str(job.base_revision),
        "continues": str(job.continues) if job.continues else None,
        "gpus": job.gpus if job.gpus > 1 else None,
        "priority": None if priority is Priority.NORMAL else priority.value,
    }


def yaml_response(job: Job) -> HttpResponse:
    """The job's config as a file."""
    return _file(job_yaml(job.number, order_of(job), job.config), YAML_TYPE, f"job-{job.number}.yaml")


def script_response(job: Job) -> HttpResponse:
    """The script that does what the job does."""
    version, base = job.dataset_version, job.base_revision
    address = {"name": version.dataset.name, "number": version.number}
    facts = ScriptFacts(
        job=job.number,
        rows=str(version),
        rows_path=reverse("api:dataset_download", kwargs=address),
        form=RowForm(version.row_form),
        left_out=tuple(version.rows_to_skip),
        base=str(base),
        weights_root=base.weights_root,
        continues=str(job.continues) if job.continues else "",
        libraries=job.facts.get("libraries") or {},
        gpus=job.gpus,
    )
    config = share_of_one(load_config(job.config), job.gpus)
    return _file(job_script(config, facts), SCRIPT_TYPE, f"job-{job.number}.py")


def _file(text: str, content_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type=f"{content_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@workspace_view
@require_safe
def config_yaml(_request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """The config as YAML."""
    return yaml_response(get_job(access, number))


@workspace_view
@require_safe
def script(_request: HttpRequest, access: Access, number: int) -> HttpResponse:
    """The plain script."""
    return script_response(get_job(access, number))
