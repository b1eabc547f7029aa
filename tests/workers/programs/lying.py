"""Says that it is done and then fails."""

from finetune_app.jobs.events import DoneEvent, event_line

print(event_line(DoneEvent()), flush=True)
raise SystemExit(3)
