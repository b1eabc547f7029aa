"""How the hub is asked: patiently, but never for ever. Imported only after `set_up.py` has set the libraries up."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # of whichever name it is

from workers.child import log, stop_if_asked
from workers.hub.errors import may_pass

PAUSES = [2.0, 10.0]  # seconds before another try
ANSWER_SECONDS = 30

_P = ParamSpec("_P")
_T = TypeVar("_T")


def persist(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it again after what may pass. The libraries do so themselves for some requests only."""
    for pause in PAUSES:
        try:
            return call(*args, **kwargs)
        except Exception as error:
            if not may_pass(error):
                raise
            what, _, _ = str(error).strip().partition("\n")
            log(f"The hub does not answer as it should ({what}). Trying again.", level="warning")
        stop_if_asked()
        time.sleep(pause)
    return call(*args, **kwargs)


def patient_client(longest: float = ANSWER_SECONDS) -> httpx.Client:
    """What sends the requests, and waits so many seconds. The library's own waits for ever for some answers."""

    def wait_no_longer(request: httpx.Request) -> None:
        waits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {what: seconds or longest for what, seconds in waits.items()}

    return httpx.Client(event_hooks={"request": [wait_no_longer]}, follow_redirects=True)
