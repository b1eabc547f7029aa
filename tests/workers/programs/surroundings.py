"""Tells what it finds itself in."""

import os
import signal
import sys
import threading
from pathlib import Path

from finetune_app.jobs.events import DoneEvent, event_line

facts = {
    "argv": sys.argv[1:],
    "cwd": str(Path.cwd()),
    "graft": {name: value for name, value in os.environ.items() if name.startswith(("GRAFT_", "PYTHON"))},
    "leads_session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "sigterm": str(signal.getsignal(signal.SIGTERM)),
    "sigint": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "threads": threading.active_count(),
    "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    "main": __name__,
}
print(event_line(DoneEvent(facts=facts)))
