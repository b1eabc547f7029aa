"""Union-find: rows that belong together form a group, known by its first row. Pure."""

from array import array

import numpy as np
from numpy.typing import NDArray


class Groups:
    """Items 0 to n-1, each in a group of its own at first."""

    def __init__(self, count: int) -> None:
        self._parent = array("i", range(count))

    def join(self, one: int, other: int) -> None:
        """Put the groups of both items together."""
        first, second = self._find(one), self._find(other)
        if first != second:
            self._parent[max(first, second)] = min(first, second)

    def firsts(self) -> NDArray[np.int32]:
        """The first item of each item's group."""
        # A copy: an array that numpy looks into cannot be written by others meanwhile.
        parent = np.array(self._parent, dtype=np.int32)
        while True:
            shorter = parent[parent]
            if np.array_equal(shorter, parent):
                return parent
            parent = shorter

    def _find(self, item: int) -> int:
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]  # halve the way for the next one
            item = parent[item]
        return item
