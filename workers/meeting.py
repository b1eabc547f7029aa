"""Where the processes of a run on several GPUs meet and wait for each other; with one process nothing happens here."""

import os
from pathlib import Path

import torch
from torch import distributed

from workers.ranks import LOCAL_RANK, MEETING_PLACE, rank, world_size


def join(run_folder: Path) -> None:
    """Meet the other processes and take this one's GPU, or its share of the processor. Before a model is loaded.

    They meet at a file: a port that is free now may be taken a moment later.
    """
    if world_size() == 1:
        return
    # All are on this machine; what its name resolves to need not lead here.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ[LOCAL_RANK]))
    else:
        torch.set_num_threads(max(1, torch.get_num_threads() // world_size()))
        os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))  # else accelerate decides anew
    is_torchrun = "MASTER_PORT" in os.environ
    meeting = "env://" if is_torchrun else (run_folder / MEETING_PLACE).resolve().as_uri()
    backend = "cuda:nccl,cpu:gloo" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, init_method=meeting, rank=rank(), world_size=world_size())


def least_of_all(number: int) -> int:
    """The least of what all processes say, so that they come to the same decision."""
    if world_size() == 1:
        return number
    said = torch.tensor(number, dtype=torch.int64)
    distributed.all_reduce(said, distributed.ReduceOp.MIN)
    return int(said)


def barrier() -> None:
    """Wait until all processes are here."""
    if world_size() > 1:
        distributed.barrier()
