"""The processes of one run on several GPUs: which of them this one is. Pure; where they meet: `meeting.py`.

They are told by the variables that torchrun sets too, so a run can also be started by hand under torchrun. Without them
there is one process.
"""

import os

RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE = "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"
MEETING_PLACE = "ranks"  # a file in the run folder


def rank() -> int:
    """The number of this process, from 0."""
    return int(os.environ.get(RANK, "0"))


def world_size() -> int:
    """How many processes there are."""
    return int(os.environ.get(WORLD_SIZE, "1"))


def is_main() -> bool:
    """Whether this is the process that tells and writes."""
    return rank() == 0
