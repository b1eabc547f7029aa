"""Fetches from the hub what standard input asks for: one JSON object a line, one line of answer for each.

A line of the order has `source`, `folder`, `limit` and maybe `token`. Between the answers stand the events.
"""

import json
import os
import sys
import time
from pathlib import Path

from finetune_app.datasets.import_source import HubDataset
from finetune_app.errors import UserError
from workers.child import LIBRARY_SETTINGS
from workers.row_importer.from_hub import fetch_from_hub

# What `run_program` does for the real child.
os.environ.update({name: value for name, value in LIBRARY_SETTINGS.items() if name != "HF_HUB_OFFLINE"})

# Nobody looks at how long it waits between two tries.
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.05))


def fetch(order: dict[str, object]) -> dict[str, object]:
    os.environ["HF_TOKEN"] = str(order.get("token", ""))
    folder = Path(str(order["folder"]))
    folder.mkdir(parents=True)
    try:
        fetched = fetch_from_hub(HubDataset.model_validate(order["source"]), folder, limit=int(str(order["limit"])))
    except UserError as refusal:
        return {"refused": refusal.as_json()}
    return {"fetched": fetched.model_dump()}


for line in sys.stdin:
    print(json.dumps(fetch(json.loads(line))), flush=True)
