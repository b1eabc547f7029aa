"""Says two lines and ends well."""

import sys

from finetune_app.jobs.events import DoneEvent, LogEvent, event_line

print(event_line(LogEvent(text="hello")))
print("a library's own print")
print("to stderr — ü", file=sys.stderr)
print(event_line(DoneEvent(facts={"steps": 3})))
