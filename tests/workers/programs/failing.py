"""Gives up with a cause."""

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import ErrorEvent, event_line

print(event_line(ErrorEvent(code=Cause.ZERO_GRADIENT, detail="For 3 steps.")))
raise SystemExit(1)
