"""Wait for a worker's work by asking now and then, less and less often."""

import time
from collections.abc import Callable

from graft.errors import GraftError
from graft.types import Json, Progress

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0
OPEN_STATES = frozenset({"queued", "running"})


def wait_for(
    look: Callable[[], Json], *, name: str, what: str, progress: Progress, timeout: float | None = None
) -> Json:
    """What `look` says once the work has succeeded. Ending the wait does not end the work.

    Args:
        look: asks how it stands.
        name: what to call it while it goes on.
        what: what to call it when it is not done in time, such as `Import 3 of support`.
        progress: told how far it is.
        timeout: in seconds; None waits as long as it takes.

    Raises:
        GraftError: why it failed, with the server's code and details; `still_waiting` after the timeout.
    """
    end = None if timeout is None else time.monotonic() + timeout
    seconds = FIRST_PAUSE_SECONDS
    while (found := look())["state"] in OPEN_STATES:
        progress(f"{name}: {_doing(found)}", found.get("done") or 0, found.get("total") or 0)
        if end is not None and time.monotonic() > end:
            raise GraftError("still_waiting", f"{what} is not done yet; it goes on.")
        time.sleep(seconds)
        seconds = min(seconds * 1.5, LONGEST_PAUSE_SECONDS)
    if found["state"] == "succeeded":
        return found
    raise GraftError.of(found.get("error") or {"code": "failed", "message": f"{what} ended as “{found['state']}”."})


def _doing(found: Json) -> str:
    if found["state"] == "queued":
        return "waiting for a worker"
    return str(found.get("phase") or "working")
