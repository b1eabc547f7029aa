"""SHA-256 of parts of large files, by all cores at once (hashlib lets go of the interpreter's lock). Pure."""

import hashlib
import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PART_BYTES = 8 * 1024 * 1024
Span = tuple[Path, int, int]


def hash_spans(spans: Sequence[Span], on_progress: Callable[[int, int], None] | None = None) -> Iterator[str]:
    """The SHA-256 of each span, in their order, by as many threads as there are cores.

    A span is a path, where it begins and where it ends in the file. They may overlap: a file and the tensors in it are
    read from the disk once when they stand one after the other. Files are mapped, so that no byte is copied.
    """
    total, done = sum(end - start for _, start, end in spans), 0
    maps = {path: _map(path) for path in {path for path, start, end in spans if end > start}}
    try:
        with ThreadPoolExecutor(cores(), thread_name_prefix="hash") as pool:
            digests = pool.map(lambda span: _hash_span(maps, span), spans)
            for (_, start, end), digest in zip(spans, digests, strict=True):
                done += end - start
                if on_progress:
                    on_progress(done, total)
                yield digest
    finally:
        for mapped in maps.values():
            mapped.close()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _hash_span(maps: Mapping[Path, mmap.mmap], span: Span) -> str:
    path, start, end = span
    digest = hashlib.sha256()
    if path in maps:
        with memoryview(maps[path]) as whole:
            # In parts, so that an error or a stop in another thread does not wait for gigabytes.
            for first in range(start, end, PART_BYTES):
                last = min(first + PART_BYTES, end)
                with whole[first:last] as part:
                    digest.update(part)
                _let_go(maps[path], first, last)
    return digest.hexdigest()


def _let_go(mapped: mmap.mmap, first: int, last: int) -> None:
    """Hashed pages need not be counted as this process's memory; they stay in the system's cache."""
    if hasattr(mmap, "MADV_DONTNEED"):
        first -= first % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_DONTNEED, first, last - first)
