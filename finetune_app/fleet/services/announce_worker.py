"""A worker tells that it is there, what it has, that it lives, and that it ends."""

from dataclasses import asdict

from django.utils import timezone

from finetune_app.fleet.capabilities import Capabilities
from finetune_app.fleet.models import Worker
from finetune_app.fleet.online import KEPT


def announce_worker(name: str, has: Capabilities) -> Worker:
    """The worker `name` begins with what it `has`; workers that were silent for a week are forgotten."""
    now = timezone.now()
    Worker.objects.filter(seen_at__lt=now - KEPT).delete()
    values = {**asdict(has), "started_at": now, "seen_at": now, "stopped_at": None}
    worker, _ = Worker.objects.update_or_create(name=name, defaults=values)
    return worker


def say_alive(name: str) -> bool:
    """The worker `name` lives; False when it is not known, so that it has to announce itself again."""
    return Worker.objects.filter(name=name).update(seen_at=timezone.now(), stopped_at=None) == 1


def say_gone(name: str) -> None:
    """The worker `name` ends and takes no further job."""
    now = timezone.now()
    Worker.objects.filter(name=name).update(seen_at=now, stopped_at=now)
