"""One training run from the base's files to the adapter's files, the same for every method."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback

from finetune_app.jobs.events import PhaseEvent, PlanEvent
from finetune_app.jobs.states import Phase
from workers.child import emit
from workers.loading import LoadedBase, library_versions, load, peak_memory_bytes, plan_facts
from workers.spec import ADAPTER_FOLDER, RunSpec
from workers.trainer.arguments import trl_arguments
from workers.trainer.callbacks import StepEvents
from workers.trainer.choose_trainer import path_facts, trainer_class
from workers.trainer.guards import FP16_PATIENCE_STEPS, PATIENCE_STEPS, StepGuard
from workers.trainer.lora import lora_config, train_in_float32
from workers.trainer.rows import TokenizedRows, tokenize_rows
from workers.trainer.saving import save_adapter


def train(run_folder: Path, spec: RunSpec) -> dict[str, Any]:
    """Train an adapter into RUN_FOLDER/adapter; returns the facts of the run.

    Raises:
        ChildFailure: the run cannot start or was stopped by a guard.
    """
    with tempfile.TemporaryDirectory(prefix="cache-", dir=run_folder) as cache:
        base = load(spec)
        steps = StepEvents(StepGuard(FP16_PATIENCE_STEPS if base.device.mixed_precision == "fp16" else PATIENCE_STEPS))
        rows = tokenize_rows(spec, base.tokenizer, Path(cache))
        trainer = _build_trainer(spec, base, rows, steps, Path(cache))
        emit(PlanEvent(facts=_plan(spec, base, trainer, rows.trained_tokens)))
        result = trainer.train()
    emit(PhaseEvent(phase=Phase.SAVING))
    save_adapter(trainer.model, base.tokenizer, spec.base_name, run_folder / ADAPTER_FOLDER)
    tokens = steps.last.tokens if steps.last else 0
    return {
        "steps": result.global_step,
        "seconds": round(steps.seconds, 3),
        "tokens": tokens,
        "tokens_per_second": round(tokens / steps.seconds, 1) if steps.seconds else None,
        "final_loss": steps.last.loss if steps.last else None,
        "train_loss": result.training_loss,
        "trainable_parameters": _trainable(trainer.model),
        "peak_memory_bytes": peak_memory_bytes(),
        "device": base.device.name,
        "libraries": library_versions(),
    }


def _build_trainer(spec: RunSpec, base: LoadedBase, rows: TokenizedRows, steps: StepEvents, cache: Path) -> Any:
    trainer: Any = trainer_class(base, spec.config)(
        model=base.model,
        args=trl_arguments(spec, base.device, cache),
        train_dataset=rows.dataset,
        processing_class=base.tokenizer,
        peft_config=lora_config(spec.config),
        callbacks=[steps],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    train_in_float32(trainer.model)
    return trainer


def _plan(spec: RunSpec, base: LoadedBase, trainer: Any, trained_tokens: int) -> dict[str, Any]:
    return plan_facts(base, spec.config) | {
        "trainable_parameters": _trainable(trainer.model),
        "adapter_dtype": "float32",
        "mixed_precision": base.device.mixed_precision,
        **path_facts(base, spec.config, trainer),
        "optimizer": trainer.args.optim.value,
        "sequences": len(trainer.train_dataset),
        "trained_tokens_per_epoch": trained_tokens,
        "effective_batch_size": spec.config.effective_batch_size,
    }


def _trainable(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
