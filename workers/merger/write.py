"""Writes the weights of a merged model as planned: several tensors at a time, each in blocks, in a known layout."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import torch

from adapters.hashing import cores
from workers.merger.blocks import BLOCK_VALUES, Carrier, OpenFiles, RoundTrip
from workers.merger.outgoing import Outgoing, lay_out
from workers.merger.shards import Shard, create

MOST_THREADS = 8
BLOCKS_IN_FLIGHT = 8  # of whole tensors together, unless one alone is larger
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Weights:
    """All tensors of the merged model and the files that they go into."""

    tensors: list[Outgoing]
    shards: list[Shard] = field(default_factory=list)

    @classmethod
    def of(cls, tensors: Iterable[Outgoing]) -> "Weights":
        """Lay them out."""
        listed = list(tensors)
        return cls(listed, lay_out(listed))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(shard.size for shard in self.shards)

    @property
    def tensor_bytes(self) -> int:
        """Bytes that are made; the headers are not counted."""
        return sum(shard.tensor_bytes for shard in self.shards)


class Room:
    """Lets so many numbers be in work at a time; what is larger than all of it goes alone, and nobody overtakes."""

    def __init__(self, values: int) -> None:
        self._values = values
        self._taken = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, values: int) -> Iterator[None]:
        """Wait until they fit."""
        with self._turn, self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + values <= self._values)
            self._taken += values
        try:
            yield
        finally:
            with self._changed:
                self._taken -= values
                self._changed.notify_all()


@dataclass(frozen=True)
class Job:
    """One tensor and where its bytes go."""

    tensor: Outgoing
    file: Path
    place: int


class Merging:
    """The threads that write one model.

    Args:
        weights: what is written.
        target: the folder of the files, without weights as yet.
        device: where it is computed.
        round_trip: what nf4 makes of a tensor.
        threads: how many work; the bytes that they write do not depend on it.
    """

    def __init__(
        self,
        weights: Weights,
        target: Path,
        device: torch.device,
        *,
        round_trip: RoundTrip | None = None,
        threads: int | None = None,
    ) -> None:
        self._weights = weights
        self._target = target
        self._device = device
        self._round_trip = round_trip
        self._threads = threads or min(MOST_THREADS, cores())
        self._block = BLOCK_VALUES[device.type]
        self._room = Room(self._block * BLOCKS_IN_FLIGHT)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._files = OpenFiles()
        self._done = 0

    def run(self, reached: Callable[[int], None]) -> None:
        """Write all of it; `reached` is told the bytes written so far, in this thread, and may raise to stop it.

        Whatever goes wrong, no thread works on when this returns.
        """
        create(self._target, self._weights.shards)
        with _one_thread_each():
            try:
                self._open()
                self._run_threads(iter(self._jobs()), reached)
            finally:
                self._files.close()

    def _run_threads(self, jobs: Iterator[Job], reached: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(self._threads, thread_name_prefix="merge") as pool:
            futures: set[Future[None]] = {pool.submit(self._work, jobs) for _ in range(self._threads)}
            try:
                while wait(futures, timeout=LOOK_SECONDS, return_when=FIRST_EXCEPTION).not_done:
                    if any(future.done() and future.exception() for future in futures):
                        break
                    reached(self._done)
            finally:
                self._stop.set()  # the pool waits for its threads, which end after the block that they have
        for future in futures:
            future.result()
        reached(self._done)

    def _work(self, jobs: Iterator[Job]) -> None:
        try:
            carrier = Carrier(self._device, self._files, self._round_trip, self._tell)
            while job := self._next(jobs):
                self._carry(carrier, job)
        except BaseException:
            self._stop.set()
            raise

    def _carry(self, carrier: Carrier, job: Job) -> None:
        tensor = job.tensor
        values = self._block if tensor.is_copied or tensor.by_rows else tensor.rows * tensor.row_values
        with self._room.take(values):
            for _ in carrier.carry(tensor, job.file, job.place):
                if self._stop.is_set():
                    return

    def _next(self, jobs: Iterator[Job]) -> Job | None:
        with self._lock:
            return None if self._stop.is_set() else next(jobs, None)

    def _tell(self, count: int) -> None:
        with self._lock:
            self._done += count

    def _jobs(self) -> list[Job]:
        """A tensor of each file in turn: one file takes the bytes of one thread at a time."""
        by_name = {tensor.planned.name: tensor for tensor in self._weights.tensors}
        columns = [
            [Job(by_name[name], self._target / shard.file, place) for name, place in shard.places.items()]
            for shard in self._weights.shards
        ]
        return [job for row in zip_longest(*columns) for job in row if job]

    def _open(self) -> None:
        for tensor in self._weights.tensors:
            if tensor.planned.source:
                self._files.open(tensor.planned.source.path, os.O_RDONLY)
        for shard in self._weights.shards:
            self._files.open(self._target / shard.file, os.O_WRONLY)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Blocks are made by one thread each: several cores make several blocks, and the sums are always the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
