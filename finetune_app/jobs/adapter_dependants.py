"""What holds an adapter version or a base revision: jobs that start with it, repeat it, or train on it."""

from collections.abc import Iterator

from django.db.models import QuerySet

from adapters.dependants import Dependant
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import OPEN_STATES


def continuing_from(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The jobs that start with the weights of one of them, whatever their state: a retry needs the weights again."""
    found = Job.objects.filter(continues__in=versions.values("pk")).order_by("id")
    for number, of in found.values_list("number", "continues").iterator():
        if of is not None:
            yield Dependant(of, f"job {number}, which continues from it")


def retraining(versions: QuerySet[AdapterVersion]) -> Iterator[Dependant]:
    """The open jobs that repeat the recipe of one of them on another base."""
    found = Job.objects.filter(retrains__in=versions.values("pk"), state__in=OPEN_STATES).order_by("id")
    for number, of in found.values_list("number", "retrains").iterator():
        if of is not None:
            yield Dependant(of, f"job {number}, which retrains it")


def jobs_on(revisions: QuerySet[BaseRevision]) -> Iterator[Dependant]:
    """The jobs on one of the base revisions, whatever their state: their page tells what they trained on."""
    found = Job.objects.filter(base_revision__in=revisions.values("pk")).order_by("id")
    for number, of in found.values_list("number", "base_revision").iterator():
        yield Dependant(of, f"job {number}")
