"""A device that a job may run on, as the plan sees it, and what the common ones can compute. Pure."""

from dataclasses import dataclass
from typing import Literal

GIB = 2**30
Kind = Literal["cuda", "cpu"]

# Dense bfloat16 (V100, T4: float16) tensor TFLOP/s and memory in GB, from NVIDIA's datasheets of each product ("H100
# Tensor Core GPU", "H200", "A100", "L4", "L40S", "A10", "A40", "RTX A6000", "T4", "V100", "Blackwell architecture
# brief"), without sparsity. The first name that is part of the device's name counts, so longer names come first.
PEAKS: tuple[tuple[str, float], ...] = (
    ("B200", 2250.0),
    ("H200", 989.4),
    ("GH200", 989.4),
    ("H100 PCIe", 756.0),
    ("H100 NVL", 835.0),
    ("H100", 989.4),
    ("H20", 148.0),
    ("A100", 312.0),
    ("A800", 312.0),
    ("A40", 149.7),
    ("A30", 165.0),
    ("A10G", 70.0),
    ("A10", 125.0),
    ("L40S", 362.05),
    ("L40", 181.05),
    ("L4", 121.0),
    ("RTX 6000 Ada", 364.2),
    ("RTX A6000", 154.8),
    ("RTX 5090", 209.5),
    ("RTX 4090", 165.2),
    ("RTX 3090", 71.0),
    ("V100", 125.0),
    ("T4", 65.0),
)
UNKNOWN_GPU_TFLOPS = 100.0
CPU_CORE_FLOPS = 120e9  # float32 of one core of an AMD EPYC with AVX-512, measured with `benchmarks/plan.py`


@dataclass(frozen=True)
class Device:
    """One GPU, or the processor of a machine.

    Attributes:
        memory_bytes: of the GPU, or of the machine.
        has_bf16: whether it computes in bfloat16 by itself.
        cores: of the processor; 0 for a GPU.
    """

    kind: Kind
    name: str
    memory_bytes: int
    has_bf16: bool = True
    cores: int = 0

    @property
    def peak_flops(self) -> float:
        """What it can compute at most, in FLOP/s: of matrices in bfloat16 on a GPU, in float32 on a processor."""
        if self.kind == "cpu":
            return max(1, self.cores) * CPU_CORE_FLOPS
        return known_peak_flops(self.name) or UNKNOWN_GPU_TFLOPS * 1e12


def known_peak_flops(name: str) -> float | None:
    """What the datasheet says of the GPU of this name, in FLOP/s of matrices in 16 bits; None when it is not listed."""
    return next((tflops * 1e12 for part, tflops in PEAKS if part.lower() in name.lower()), None)


COMMON_GPUS = (
    Device("cuda", "GPU with 24 GB (like RTX 4090)", 24 * GIB),
    Device("cuda", "GPU with 48 GB (like L40S)", 48 * GIB),
    Device("cuda", "GPU with 80 GB (like H100)", 80 * GIB),
)
"""What a plan is shown for while no worker is online."""
