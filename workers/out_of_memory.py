"""What tells that memory ran out, giving back what a failed computation held, and going on with half of it.

For the children that compute.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from finetune_app.jobs.causes import Cause
from workers.child import cause_of

# What libraries say beside what `cause_of` knows: cuBLAS when it cannot make its workspace, C++ when the system gives
# nothing.
ALSO_SAID = ("cublas_status_alloc_failed", "bad_alloc")

Item = TypeVar("Item")
Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is the device, or the machine, having no memory left."""
    return cause_of(error) is Cause.OUT_OF_MEMORY or any(words in str(error).lower() for words in ALSO_SAID)


def release_memory() -> None:
    """Give back what nothing refers to any more; to be called outside the `except` that caught the error."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def in_halves(
    items: Sequence[Item], size_of: Callable[[Sequence[Item]], int], compute: Callable[[Sequence[Item]], Result]
) -> Iterator[tuple[Sequence[Item], Result]]:
    """`compute` over all items, a batch at a time; each batch with what came of it.

    Args:
        items: what is to be computed.
        size_of: how many of those that are left make the next batch.
        compute: one batch; when it runs out of memory, half as many items are taken from there on.

    Raises:
        Exception: what `compute` raised, when it was anything else, or memory ran out with one item.
    """
    limit = len(items)
    waiting = items
    while waiting:
        size = max(1, min(limit, size_of(waiting)))
        batch = waiting[:size]
        try:
            found = compute(batch)
        except Exception as error:
            if size == 1 or not is_out_of_memory(error):
                raise
            limit = size // 2
        else:
            waiting = waiting[size:]
            yield batch, found
            continue
        release_memory()
