"""Adapter versions side by side over REST. The router is added before the one that reads an adapter's name there."""

from typing import Annotated

from ninja import Query, Router
from ninja.responses import Status

from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.comparison.choice import HOW_TO_CHOOSE, choose
from finetune_app.comparison.curves import curves_of
from finetune_app.comparison.page import compare_versions
from finetune_app.comparison.schemas import ComparisonOut, CurvesOut, DeltasOut, DeltaTaskOut
from finetune_app.comparison.services.ask_deltas import ask_deltas, deltas_of
from finetune_app.web.schemas import ErrorOut
from finetune_app.work.states import TaskState

router = Router()
References = Annotated[list[str], Query(alias="v", description=HOW_TO_CHOOSE)]
ERRORS = {422: ErrorOut}


@router.get("/compare", response={200: ComparisonOut, **ERRORS}, summary="Compare adapter versions")
def compare(request: ApiRequest, v: References) -> ComparisonOut:
    """Configs, scores, bases and datasets beside each other: `?v=name@3&v=other@production`."""
    return ComparisonOut.of(compare_versions(choose(request.auth, v).require()))


@router.get("/compare/curves", response={200: CurvesOut, **ERRORS}, summary="Loss curves of adapter versions")
def compare_curves(request: ApiRequest, v: References) -> CurvesOut:
    """The losses by step of the jobs that made them."""
    return CurvesOut.of(curves_of(request.auth, choose(request.auth, v).require()))


@router.get(
    "/compare/deltas",
    response={200: DeltasOut, 202: DeltaTaskOut, **ERRORS},
    summary="How adapter versions changed the weights",
)
def compare_deltas(
    request: ApiRequest,
    v: References,
    again: Annotated[bool, Query(description="Try once more what failed before.")] = False,
) -> Status[DeltasOut] | Status[DeltaTaskOut]:
    """Norms of ΔW by module, and cosines between versions: 200. While a worker measures, and when it failed: 202."""
    versions = choose(request.auth, v).require()
    task = ask_deltas(request.auth, versions, again=again)
    if task.state != TaskState.SUCCEEDED:
        return Status(202, DeltaTaskOut.of(task, request))
    return Status(200, DeltasOut.of(deltas_of(task, versions), versions))
