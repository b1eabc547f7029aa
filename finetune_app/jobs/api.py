"""Jobs over REST: queue, list, look, follow, cancel."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from ninja import Router, Status

from adapters.access import find_base_revision
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.datasets.access import find_version
from finetune_app.errors import NotFound
from finetune_app.jobs.access import get_job, jobs_of
from finetune_app.jobs.event_views import EVENT_STREAM, event_response, log_response
from finetune_app.jobs.export_script import SCRIPT_TYPE
from finetune_app.jobs.export_views import script_response, yaml_response
from finetune_app.jobs.export_yaml import YAML_TYPE
from finetune_app.jobs.held_out import best_of, held_out_of
from finetune_app.jobs.held_out_schemas import HeldOutOut, HeldOutsOut
from finetune_app.jobs.metrics import merged_points
from finetune_app.jobs.models import Attempt, MetricPoint
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.plan_schemas import PlanOut
from finetune_app.jobs.schemas import JobDetailOut, JobIn, JobOut, JobsOut, MetricsOut, PointOut, RetryIn
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.create_job import create_job
from finetune_app.jobs.services.pause_job import pause_job
from finetune_app.jobs.services.predict_job import predict_job
from finetune_app.jobs.services.resume_job import resume_job
from finetune_app.jobs.services.retry_job import retry_job
from finetune_app.jobs.states import JobState
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()
LOG_CONTENT = {
    "responses": {
        200: {
            "description": "The lines, as text or as they come.",
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                EVENT_STREAM: {"schema": {"type": "string"}},
            },
        }
    }
}
YAML_BODY = {
    "requestBody": {"content": {YAML_TYPE: {"schema": {"$ref": "#/components/schemas/JobIn"}}}},
}
YAML_CONTENT = {
    "responses": {
        200: {"description": "The config as YAML.", "content": {YAML_TYPE: {"schema": {"type": "string"}}}},
    }
}
SCRIPT_CONTENT = {
    "responses": {200: {"description": "The script.", "content": {SCRIPT_TYPE: {"schema": {"type": "string"}}}}}
}


@router.post(
    "",
    response={202: JobDetailOut, 400: ErrorOut, 403: ErrorOut, 413: ErrorOut, 422: ErrorOut},
    summary="Queue a job",
    openapi_extra=YAML_BODY,
)
def create(request: ApiRequest, response: HttpResponse, payload: JobIn) -> Status[JobDetailOut]:
    """Queue a fine-tune. The answer comes at once; follow the job by its `Location`.

    The body may be YAML (`Content-Type: application/yaml`), as `GET /jobs/{number}/config.yaml` gives it.
    """
    job = create_job(
        request.auth,
        adapter=payload.adapter,
        dataset=payload.dataset,
        base_model=payload.base_model,
        config=payload.config,
        continues=payload.continues or "",
        gpus=payload.gpus,
        priority=payload.priority,
    )
    response["Location"] = f"{reverse('api:api-root')}jobs/{job.number}"
    return Status(202, JobDetailOut.of(job))


@router.post("/plan", response={200: PlanOut, 422: ErrorOut}, summary="Plan a job")
def plan(request: ApiRequest, payload: JobIn) -> PlanOut:
    """What the job would need on each kind of worker that is online: memory, time, and what would make it fit.

    The body is that of a job; nothing is queued.
    """
    version = find_version(request.auth, payload.dataset, field="dataset")
    base = find_base_revision(request.auth, payload.base_model, field="base_model")
    return PlanOut.of(predict_job(version, base, parse_config(payload.config)))


@router.get("", response=JobsOut, summary="List jobs")
def list_jobs(
    request: ApiRequest,
    state: JobState | None = None,
    adapter: str = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:
    """Jobs of the workspace, newest first."""
    jobs = jobs_of(request.auth)
    if state:
        jobs = jobs.filter(state=state)
    if adapter:
        jobs = jobs.filter(adapter_name=adapter)
    return {"items": [JobOut.of(job) for job in jobs[offset : offset + limit]], "count": jobs.count()}


@router.get("/{int:number}", response={200: JobDetailOut, 404: ErrorOut}, summary="One job")
def show(request: ApiRequest, number: int) -> JobDetailOut:
    """State, progress, cause, scores and result of a job."""
    return JobDetailOut.of(get_job(request.auth, number))


@router.get("/{int:number}/log", summary="The log of a job", openapi_extra=LOG_CONTENT)
def log(request: ApiRequest, number: int) -> StreamingHttpResponse:
    """Every line so far as text.

    With `Accept: text/event-stream`: every line and then those to come, as server-sent events with a JSON record each,
    until the event `end`. Continue a broken stream with `Last-Event-ID` (or `?after=`), an id `attempt:number`.
    """
    job = get_job(request.auth, number)
    if EVENT_STREAM in request.headers.get("Accept", ""):
        return event_response(request, job)
    return log_response(job)


@router.get("/{int:number}/config.yaml", summary="The config of a job as YAML", openapi_extra=YAML_CONTENT)
def config_yaml(request: ApiRequest, number: int) -> HttpResponse:
    """A body of `POST /jobs` that makes the same job again, every option named."""
    return yaml_response(get_job(request.auth, number))


@router.get("/{int:number}/script.py", summary="A job as a plain script", openapi_extra=SCRIPT_CONTENT)
def script(request: ApiRequest, number: int) -> HttpResponse:
    """A short Python script that does the same with transformers, peft and trl alone."""
    return script_response(get_job(request.auth, number))


@router.get("/{int:number}/metrics", response={200: MetricsOut, 404: ErrorOut}, summary="The metrics of a job")
def metrics(request: ApiRequest, number: int, attempt: int | None = None) -> dict[str, Any]:
    """What each optimizer step measured, each step once over all attempts; or what one `attempt` measured."""
    job = get_job(request.auth, number)
    if attempt is None:
        points = merged_points(job)
    elif (found := Attempt.objects.filter(job=job, number=attempt).first()) is not None:
        points = MetricPoint.objects.filter(attempt=found).order_by("step")
    else:
        raise NotFound("attempt", str(attempt), field="attempt")
    items = [PointOut.of(point) for point in points]
    return {"attempt": attempt, "items": items, "count": len(items)}


@router.get("/{int:number}/evaluations", response={200: HeldOutsOut, 404: ErrorOut}, summary="The evaluations of a job")
def evaluations(request: ApiRequest, number: int) -> dict[str, Any]:
    """The held-out rows at intervals while the job trained: loss, token accuracy and sample answers."""
    points = held_out_of(get_job(request.auth, number))
    best = best_of(points)
    items = [HeldOutOut.of(point) for point in points]
    return {"items": items, "count": len(items), "best_step": best.step if best else None}


@router.post(
    "/{int:number}/retry",
    response={202: JobDetailOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    summary="Retry a job",
)
def retry(request: ApiRequest, response: HttpResponse, number: int, payload: RetryIn) -> Status[JobDetailOut]:
    """Queue an ended job again as a new one, from its last checkpoint or from the beginning, with changed options."""
    source = get_job(request.auth, number)
    job = retry_job(request.auth, source, payload.config, from_checkpoint=payload.from_checkpoint)
    response["Location"] = f"{reverse('api:api-root')}jobs/{job.number}"
    return Status(202, JobDetailOut.of(job))


@router.post(
    "/{int:number}/pause",
    response={200: JobDetailOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut},
    summary="Pause a job",
)
def pause(request: ApiRequest, number: int) -> JobDetailOut:
    """Let a job wait until it is resumed. One that runs writes a checkpoint first (`pausing`, then `paused`)."""
    return JobDetailOut.of(pause_job(request.auth, get_job(request.auth, number)))


@router.post(
    "/{int:number}/resume",
    response={200: JobDetailOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut},
    summary="Resume a job",
)
def resume(request: ApiRequest, number: int) -> JobDetailOut:
    """Put a paused job back into the queue; it goes on from its last checkpoint, on any worker."""
    return JobDetailOut.of(resume_job(request.auth, get_job(request.auth, number)))


@router.post("/{int:number}/cancel", response={200: JobDetailOut, 403: ErrorOut, 404: ErrorOut}, summary="Cancel a job")
def cancel(request: ApiRequest, number: int) -> JobDetailOut:
    """Cancel a job, whatever its state; one that has ended stays as it is."""
    return JobDetailOut.of(cancel_job(request.auth, get_job(request.auth, number)))
