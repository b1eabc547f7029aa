"""Pushes to a hub what each line of its standard input orders, and answers each with a line of JSON.

The hub's library reads its settings when it is imported, which takes seconds: one process does for many tests.
"""

import json
import os
import sys
import time
from pathlib import Path

from workers.child import ChildFailure
from workers.hub.set_up import set_up_libraries
from workers.hub_sender.spec import HubSendSpec

set_up_libraries(Path(sys.argv[1]))
os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}

from workers.hub_sender.push import push  # noqa: E402
from workers.hub_sender.refusals import explain_refusals  # noqa: E402

# Nobody looks at how long it waits between two tries.
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.05))

for line in sys.stdin:
    order = json.loads(line)
    folder = Path(order["folder"])
    spec = HubSendSpec.load(folder)
    try:
        with explain_refusals(spec.repository):
            answer = {"facts": push(spec, order["token"])}
    except ChildFailure as failure:
        answer = {"cause": failure.cause.value, "refused": failure.detail}
    sys.stdout.write(json.dumps({"type": "answer"} | answer) + "\n")
    sys.stdout.flush()
