"""The kinds of devices that workers have announced lately."""

from collections import Counter

from finetune_app.fleet.online import online_workers
from finetune_app.jobs.plan.devices import Device, Kind


def online_devices() -> list[tuple[Device, int]]:
    """Each kind of device once, with how many of it are online: most memory first, GPUs before processors."""
    found: Counter[Device] = Counter()
    for worker in online_workers():
        kind: Kind = "cuda" if worker.kind == "cuda" else "cpu"
        device = Device(kind, worker.device, worker.memory_bytes, worker.has_bf16, worker.cores if kind == "cpu" else 0)
        found[device] += max(1, worker.gpus) if kind == "cuda" else 1
    return sorted(found.items(), key=lambda item: (item[0].kind == "cpu", -item[0].memory_bytes, item[0].name))
