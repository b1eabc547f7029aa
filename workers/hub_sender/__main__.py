"""`python -m workers.hub_sender RUN_FOLDER`: reads `hub_send.json` and the token, and tells the commit that it made.

Xet, the hub's own protocol for large files, is off: it asks other servers than `HF_ENDPOINT`, and mirrors lack it.
"""

import os
from pathlib import Path
from typing import Any

from workers.child import run_on_folder
from workers.hub.set_up import set_up_libraries
from workers.hub_sender.spec import TOKEN, HubSendSpec

CACHE = "hub_cache"


def send(run_folder: Path) -> dict[str, Any]:
    """Push the files; the facts are the commit and where it is to be seen."""
    token = os.environ.pop(TOKEN, "")
    spec = HubSendSpec.load(run_folder)
    set_up_libraries(run_folder / CACHE)
    # A token that the workers have for imports must not write.
    os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    # Only now: the library reads its settings when it is imported.
    from workers.hub_sender.push import push  # noqa: PLC0415
    from workers.hub_sender.refusals import explain_refusals  # noqa: PLC0415

    with explain_refusals(spec.repository):
        return push(spec, token)


run_on_folder(send, reaches_hub=True)
