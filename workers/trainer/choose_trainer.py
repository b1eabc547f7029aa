"""Which trainer a run takes: its method's own, or the lean one where nothing stands against it."""

from typing import Any

from finetune_app.jobs.methods import method_of
from finetune_app.jobs.training_config import TrainingConfig
from workers.loading import LoadedBase
from workers.trainer.answer_loss import AnswerLossTrainer
from workers.trainer.arguments import resolve
from workers.trainer.counted import counting
from workers.trainer.lean.trainer import LeanTrainer, why_not_lean


def trainer_class(base: LoadedBase, config: TrainingConfig) -> Any:
    """The class that trains with this config on this base."""
    usual = counting(resolve(method_of(config).trainer))
    return LeanTrainer if usual is AnswerLossTrainer and not why_not_lean(base, config) else usual


def path_facts(base: LoadedBase, config: TrainingConfig, trainer: Any) -> dict[str, Any]:
    """What was chosen, for the `PlanEvent`: the path, why it is not the lean one, and whose kernels it takes."""
    if isinstance(trainer, LeanTrainer):
        kernels = "Liger" if trainer.fused_kernels else "PyTorch"
        return {"path": "lean", "kernels": kernels, "adapter_dtype": trainer.adapter_dtype, "mixed_precision": "no"}
    if isinstance(trainer, AnswerLossTrainer):
        return {"path": f"plain, because {why_not_lean(base, config)}"}
    return {"path": "trl"}
