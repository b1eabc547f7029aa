"""What a worker and its warm process tell each other. Pure.

The worker holds one end of a socket pair of packets; the warm process's other end is its standard input. Each order
carries four descriptors: the child's standard input, output and error, and one end of a further socket pair, on which
the run is reported: first `Started`, by the child itself when it is in a session of its own, then `Ended`, by the warm
process. The warm process ends when its standard input closes, and forgets a run when the worker closes its report.
"""

from pydantic import BaseModel, ConfigDict

READY = b"ready"  # said once, when everything is imported
DESCRIPTORS = 4
PACKET_BYTES = 131_072  # an order carries the environment, which may be long


class Order(BaseModel):
    """Run `python -m MODULE FOLDER`, in this environment."""

    model_config = ConfigDict(frozen=True)

    module: str
    folder: str
    environment: dict[str, str]


class Started(BaseModel):
    """The child's process id, which is that of its session and group too."""

    model_config = ConfigDict(frozen=True)

    pid: int


class Ended(BaseModel):
    """The child's exit code, negative for a signal, as `subprocess` has it."""

    model_config = ConfigDict(frozen=True)

    code: int
