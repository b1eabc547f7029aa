"""The loss of several versions by step: of the jobs that made them, thinned out to what a screen can show."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.models import AdapterVersion
from adapters.states import VersionOrigin
from finetune_app.accounts.access import Access
from finetune_app.jobs.access import jobs_of
from finetune_app.jobs.held_out import held_out_of
from finetune_app.jobs.metrics import merged_points
from finetune_app.jobs.models import HeldOutPoint, Job

POINTS = 1500  # of a curve; a chart is not wider
Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Curve:
    """The losses of one version by step; `missing` says why there are none."""

    version: AdapterVersion
    training: Points = field(default_factory=list)
    held_out: Points = field(default_factory=list)
    missing: str = ""


def curves_of(access: Access, versions: Sequence[AdapterVersion]) -> list[Curve]:
    """One curve for each version, in their order."""
    jobs = {job.adapter_version_id: job for job in jobs_of(access).filter(adapter_version__in=versions)}
    return [_curve(version, jobs.get(version.pk)) for version in versions]


def _curve(version: AdapterVersion, job: Job | None) -> Curve:
    if job is None:
        return Curve(version, missing=_why_none(version))
    training = [(step, loss) for step, loss in merged_points(job).values_list("step", "loss") if loss is not None]
    looks = held_out_of(job, HeldOutPoint.objects.defer("answers"))
    held_out = [(point.step, point.loss) for point in looks if point.loss is not None]
    missing = "" if training else "Its job measured no step."
    return Curve(version, thinned(training), thinned(held_out), missing)


def _why_none(version: AdapterVersion) -> str:
    match version.origin:
        case VersionOrigin.IMPORTED:
            return "It was imported, so nobody here saw it train."
        case VersionOrigin.COMBINED:
            return "It was combined from other versions, without training."
        case _:
            return "The job that made it is gone."


def thinned(points: Points, most: int = POINTS) -> Points:
    """The curve in at most `most` points: the mean of each stretch of steps, at its last step."""
    if len(points) <= most:
        return points
    stretch = -(-len(points) // most)
    parts = (points[start : start + stretch] for start in range(0, len(points), stretch))
    return [(part[-1][0], sum(loss for _, loss in part) / len(part)) for part in parts]
