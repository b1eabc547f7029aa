"""What earlier jobs measured of what was predicted for them: later predictions are corrected by it."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from finetune_app.fleet.models import Worker
from finetune_app.jobs.methods import load_config
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import JobState
from finetune_app.jobs.training_config import TrainingConfig

JOBS = 20
STEADY = "steady_tokens_per_second"  # without the first steps, in which kernels are compiled
CPU = " CPU"  # part of a processor's name as the trainer tells it; how many threads it had does not matter here
# A factor beyond these is rather a defect than something to learn from.
LEAST, MOST = 0.5, 2.0


@dataclass(frozen=True)
class Learned:
    """By what predictions are multiplied: memory, and tokens a second; `jobs` is from how many that was learned."""

    memory: float = 1.0
    speed: float = 1.0
    jobs: int = 0

    @property
    def text(self) -> str:
        """In words, "" when nothing was learned."""
        if not self.jobs:
            return ""
        return f"Corrected by {self.memory:.2f} from {self.jobs} earlier {'job' if self.jobs == 1 else 'jobs'}."


def learned_factors(device: str, config: TrainingConfig) -> Learned:
    """The median of measured / predicted over the newest ended jobs like this one, all workspaces together.

    Alike are jobs on a device of this name with the same method, quantization and checkpointing; where the worker
    chooses whether to checkpoint, jobs with and without it count.
    """
    jobs = Job.objects.filter(
        state=JobState.SUCCEEDED,
        config__method=config.method,
        config__quantization=config.quantization,
        facts__predicted_memory_bytes__isnull=False,
        facts__peak_memory_bytes__isnull=False,
    )
    named = {"facts__device__icontains": CPU} if CPU in device else {"facts__device": device}
    jobs = jobs.filter(**named)
    if not config.fit_to_device:
        jobs = jobs.filter(facts__gradient_checkpointing=config.gradient_checkpointing)
    facts: list[dict[str, Any]] = list(jobs.order_by("-finished_at", "-id").values_list("facts", flat=True)[:JOBS])
    memory = [_ratio(found, "peak_memory_bytes", "predicted_memory_bytes", "memory_factor") for found in facts]
    speed = [
        _ratio(found, STEADY if STEADY in found else "tokens_per_second", "predicted_tokens_per_second")
        for found in facts
    ]
    return Learned(_median(memory), _median(speed), jobs=sum(ratio is not None for ratio in memory))


def memory_factor_of(job: Job) -> float:
    """What was learned about jobs like this one on the device of the worker that has it now; 1.0 when nothing was."""
    attempt = job.attempts.order_by("-number").first()
    worker = Worker.objects.filter(name=attempt.worker).first() if attempt else None
    return learned_factors(worker.device, load_config(job.config)).memory if worker else 1.0


def _ratio(facts: dict[str, Any], measured: str, predicted: str, corrected_by: str = "") -> float | None:
    """Measured / predicted, as the prediction was before it was corrected."""
    numbers = [facts.get(measured), facts.get(predicted), facts.get(corrected_by, 1.0)]
    if not all(isinstance(number, int | float) and number > 0 for number in numbers):
        return None
    return float(numbers[0] / numbers[1] * numbers[2])


def _median(ratios: list[float | None]) -> float:
    known = [ratio for ratio in ratios if ratio is not None]
    return min(MOST, max(LEAST, median(known))) if known else 1.0
