"""The curve of a job over all its attempts: each step once, from the last attempt that trained it."""

from django.db.models import Min, Q, QuerySet

from finetune_app.jobs.models import Attempt, Job, MetricPoint


def merged_points(job: Job) -> QuerySet[MetricPoint]:
    """One point for each step, in their order.

    An attempt that went on from a checkpoint replaces all that an earlier one had trained after it; one that did not
    come to train replaces nothing.
    """
    begun = Attempt.objects.filter(job=job).annotate(first=Min("points__step")).filter(first__isnull=False)
    lasting = Q(pk__in=[])
    border: int | None = None  # the first step that a later attempt has
    for attempt, first in begun.order_by("-number").values_list("pk", "first"):
        before = Q() if border is None else Q(step__lt=border)
        lasting |= before & Q(attempt=attempt)
        border = first if border is None else min(border, first)
    return MetricPoint.objects.filter(lasting).order_by("step")
