"""Tells the light workers that there may be work."""

from finetune_app.celery import RUN_NEXT_LIGHT_TASK, nudge


def wake_light_workers() -> None:
    """Send one nudge."""
    nudge(RUN_NEXT_LIGHT_TASK)
