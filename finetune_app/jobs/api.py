"""Jobs over REST: queue, list, look, follow, cancel."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import reverse
from ninja import Router, Status

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.errors import NotFound
from finetune_app.jobs.access import get_job, jobs_of
from finetune_app.jobs.event_views import EVENT_STREAM, event_response, log_response
from finetune_app.jobs.models import Attempt, MetricPoint
from finetune_app.jobs.schemas import JobDetailOut, JobIn, JobOut, JobsOut, MetricsOut, PointOut
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.services.create_job import create_job
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


@router.post("", response={202: JobDetailOut, 403: ErrorOut, 422: ErrorOut}, summary="Queue a job")
def create(request: ApiRequest, response: HttpResponse, payload: JobIn) -> Status[JobDetailOut]:
    """Queue a fine-tune. The answer comes at once; follow the job by its `Location`."""
    job = create_job(
        request.auth,
        adapter=payload.adapter,
        dataset=payload.dataset,
        base_model=payload.base_model,
        config=payload.config,
    )
    response["Location"] = f"{reverse('api:api-root')}jobs/{job.number}"
    return Status(202, JobDetailOut.of(job))


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


@router.get("/{int:number}/metrics", response={200: MetricsOut, 404: ErrorOut}, summary="The metrics of a job")
def metrics(request: ApiRequest, number: int, attempt: int | None = None) -> dict[str, Any]:
    """What each optimizer step measured: of the newest attempt, or of the one that is named."""
    attempts = Attempt.objects.filter(job=get_job(request.auth, number))
    if attempt is None:
        found = attempts.order_by("-number").first()
    elif (found := attempts.filter(number=attempt).first()) is None:
        raise NotFound("attempt", str(attempt), field="attempt")
    points = MetricPoint.objects.filter(attempt=found).order_by("step") if found else []
    items = [PointOut.of(point) for point in points]
    return {"attempt": found.number if found else None, "items": items, "count": len(items)}


@router.post("/{int:number}/cancel", response={200: JobDetailOut, 403: ErrorOut, 404: ErrorOut}, summary="Cancel a job")
def cancel(request: ApiRequest, number: int) -> JobDetailOut:
    """Cancel a job, whatever its state; one that has ended stays as it is."""
    return JobDetailOut.of(cancel_job(request.auth, get_job(request.auth, number)))
