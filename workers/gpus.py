"""The NVIDIA GPUs of this machine that a process may use, read from the driver and not by loading torch.

The order is the driver's own, by bus; with `CUDA_DEVICE_ORDER=PCI_BUS_ID`, which the launcher sets, CUDA counts so too.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)
BF16_MAJOR = 8  # the compute capability from which on a GPU computes in bfloat16 by itself


@dataclass(frozen=True)
class Gpu:
    """One GPU; `memory_bytes` is what programs can have of it."""

    index: int
    uuid: str
    name: str
    memory_bytes: int
    has_bf16: bool


def visible_gpus() -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES names by index or UUID, in its order; all when it is not set."""
    return choose(all_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"))


def choose(gpus: list[Gpu], visible: str | None) -> list[Gpu]:
    """What CUDA makes of the variable: names up to the first that it does not know; a UUID may be shortened."""
    if visible is None:
        return gpus
    chosen: list[Gpu] = []
    for word in visible.split(","):
        name = word.strip()
        by_uuid = name.startswith("GPU-")
        found = [gpu for gpu in gpus if (gpu.uuid.startswith(name) if by_uuid else name == str(gpu.index))]
        if len(found) != 1 or found[0] in chosen:
            break
        chosen += found
    return chosen


def all_gpus() -> list[Gpu]:
    """Every GPU of the machine; none without NVIDIA's driver or without the package that asks it."""
    with _driver() as nvml:
        if nvml is None:
            return []
        try:
            return [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError as error:
            log.warning("The NVIDIA driver does not tell which GPUs there are: %s", error)
            return []


def driver_versions() -> dict[str, str]:
    """Of the driver and of the newest CUDA that it can carry; empty without one."""
    with _driver() as nvml:
        if nvml is None:
            return {}
        cuda = nvml.nvmlSystemGetCudaDriverVersion_v2()
        return {"driver": str(nvml.nvmlSystemGetDriverVersion()), "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}"}


@contextmanager
def _driver() -> Iterator[Any]:
    try:
        import pynvml  # noqa: PLC0415 - a machine without the training stack has none
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    try:  # without what the driver keeps for itself
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        usable = memory.total - memory.reserved
    except nvml.NVMLError:  # an older driver
        usable = nvml.nvmlDeviceGetMemoryInfo(handle).total
    major, _minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Gpu(
        index=index,
        uuid=str(nvml.nvmlDeviceGetUUID(handle)),
        name=str(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(usable),
        has_bf16=major >= BF16_MAJOR,
    )
