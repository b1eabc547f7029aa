"""The energy that the devices of a run took, where they count it: NVIDIA's GPUs, and processors through RAPL.

The counters are those of whole devices, so whatever else ran on them meanwhile is counted too. Where there is no
counter, or it may not be read, there is no figure.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "*-rapl:[0-9]*"  # of processors; what lies below them (`intel-rapl:0:1`) is part of them
MICRO, MILLI = 1e-6, 1e-3


class EnergyMeter:
    """Adds up what was used from its making on; `sample` has to be called often, since counters start over."""

    def __init__(self, counters: Sequence["Counter"]) -> None:
        self._counters = list(counters)
        self._joules = 0.0

    def sample(self) -> None:
        """Add what was used since the last time; a counter that cannot be read any more makes the whole unknown."""
        try:
            self._joules += sum(counter.used() for counter in self._counters)
        except (OSError, ValueError):
            self._counters = []

    @property
    def joules(self) -> float | None:
        """Up to the last sample; None where nothing counts."""
        return self._joules if self._counters else None


class Counter(ABC):
    """One device that counts its energy."""

    def __init__(self) -> None:
        self._last = self.read()

    @abstractmethod
    def read(self) -> float:
        """What it shows, in joules.

        Raises:
            OSError: it cannot be read.
        """

    @property
    def range(self) -> float:
        """Where it starts over, in joules; 0: never."""
        return 0.0

    def used(self) -> float:
        """Since the last time, in joules."""
        now = self.read()
        used = now - self._last
        self._last = now
        return used if used >= 0 else used + self.range


class PackageCounter(Counter):
    """A processor, by the kernel's power capping."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__()

    def read(self) -> float:
        """As the kernel says it."""
        return int((self._folder / "energy_uj").read_text()) * MICRO

    @property
    def range(self) -> float:
        """As the kernel says it."""
        return int((self._folder / "max_energy_range_uj").read_text()) * MICRO


class GPUCounter(Counter):
    """A GPU since Volta, by NVIDIA's management library."""

    def __init__(self, index: int) -> None:
        self._index = index
        super().__init__()

    def read(self) -> float:
        """As the driver says it."""
        import pynvml  # noqa: PLC0415 - only where there is a GPU

        try:
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByUUID(_uuid(self._index))
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) * MILLI
        except pynvml.NVMLError as error:
            raise OSError(str(error)) from error


def counters(kind: str, root: Path = POWERCAP) -> list[Counter]:
    """Those of the devices that a run of this kind, cuda or cpu, computes on; none when one of them does not count."""
    try:
        return list(_counters(kind, root))
    except (OSError, ValueError):
        return []


def _counters(kind: str, root: Path) -> Iterator[Counter]:
    if kind == "cuda":
        yield from (GPUCounter(index) for index in range(torch.cuda.device_count()))
        return
    for folder in sorted(root.glob(PACKAGES)):
        if folder.name.count(":") == 1:
            yield PackageCounter(folder)


def _uuid(index: int) -> str:
    found = str(torch.cuda.get_device_properties(index).uuid)
    return found if found.startswith("GPU-") else f"GPU-{found}"
