"""Which workers are there now."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from finetune_app.fleet.models import Worker

SAY_SECONDS = 20.0  # how often a worker says that it lives
ONLINE = timedelta(seconds=3 * SAY_SECONDS)
KEPT = timedelta(days=7)  # then a worker that is gone is forgotten
SHOWN = timedelta(days=1)


def online_workers() -> QuerySet[Worker]:
    """Those that said lately that they live, and not that they end."""
    return Worker.objects.filter(stopped_at=None, seen_at__gte=timezone.now() - ONLINE).order_by("name")


def known_workers() -> QuerySet[Worker]:
    """Those of the last day, also when they are gone."""
    return Worker.objects.filter(seen_at__gte=timezone.now() - SHOWN).order_by("name")


def is_online(worker: Worker) -> bool:
    """Whether it is one of `online_workers`."""
    return worker.stopped_at is None and worker.seen_at >= timezone.now() - ONLINE
