"""One training run from the base's files to the adapter's files, the same for every method."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback

from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import PhaseEvent, PlanEvent
from finetune_app.jobs.many_processes import share_of_one
from finetune_app.jobs.states import Phase
from workers.child import ChildFailure, emit, log
from workers.loading import LoadedBase, library_versions, load, peak_memory_bytes, plan_facts
from workers.meeting import barrier, join
from workers.ranks import is_main, world_size
from workers.sharding import is_sharded
from workers.spec import ADAPTER_FOLDER, RunSpec
from workers.trainer.arguments import trl_arguments
from workers.trainer.callbacks import StepEvents
from workers.trainer.checkpoints import Checkpoints
from workers.trainer.choose_trainer import path_facts, trainer_class
from workers.trainer.continue_from import continue_from
from workers.trainer.fit_again import fit_or_go_on
from workers.trainer.fitting import bound_kernel_cache, row_lengths
from workers.trainer.guards import FP16_PATIENCE_STEPS, PATIENCE_STEPS, StepGuard
from workers.trainer.held_out import watch_held_out
from workers.trainer.held_out_mode import keep_weights
from workers.trainer.initial_weights import Tensors, begin_adapter
from workers.trainer.lean.trainer import LeanTrainer
from workers.trainer.lora import lora_config, train_in_float32
from workers.trainer.measure import Measure
from workers.trainer.optimizer import take_optimizer
from workers.trainer.out_of_memory import split_when_out_of_memory
from workers.trainer.rows import TokenizedRows, tokenize_rows
from workers.trainer.saving import save_adapter


def train(run_folder: Path, spec: RunSpec) -> dict[str, Any]:
    """Train an adapter into RUN_FOLDER/adapter; returns the facts of the run.

    Raises:
        ChildFailure: the run cannot start or was stopped by a guard.
    """
    bound_kernel_cache()
    join(run_folder)
    spec = _share_batch(spec)
    with tempfile.TemporaryDirectory(prefix="cache-", dir=run_folder) as cache:
        base = load(spec)
        steps = StepEvents(StepGuard(FP16_PATIENCE_STEPS if base.device.mixed_precision == "fp16" else PATIENCE_STEPS))
        rows = tokenize_rows(spec, base.tokenizer, Path(cache))
        lean = trainer_class(base, spec.config) is LeanTrainer
        fitted = fit_or_go_on(spec, base, row_lengths(rows.dataset, spec.config), lean=lean)
        spec = fitted.spec
        trainer, initial = _build_trainer(spec, base, rows, steps, Path(cache))
        splitter = split_when_out_of_memory(trainer, spec.config)
        measure = Measure(steps, base.device)
        trainer.add_callback(measure)
        emit(PlanEvent(facts=_plan(spec, base, trainer, rows.trained_tokens) | fitted.facts))
        held_out = watch_held_out(spec, trainer, steps, run_folder)
        step = Checkpoints(spec, trainer, steps, held_out, run_folder).train()
        barrier()  # what the first process wrote last is there for all
        looked = held_out.finish(step) if held_out else {}
    emit(PhaseEvent(phase=Phase.SAVING))
    _save(spec, base, trainer, run_folder, initial)
    if held_out:
        held_out.best.forget()
    tokens = steps.tokens
    return {
        "steps": step,
        "seconds": round(steps.seconds, 3),
        "tokens": tokens,
        "tokens_per_second": round(tokens / steps.seconds, 1) if steps.seconds else None,
        "final_loss": steps.final_loss,
        "train_loss": steps.mean_loss(step),
        **looked,
        **splitter.facts,
        **measure.facts(fitted.flops_per_token),
        "trainable_parameters": _trainable(trainer.model),
        "peak_memory_bytes": peak_memory_bytes(),
        "device": base.device.name,
        "libraries": library_versions(),
    }


def _build_trainer(
    spec: RunSpec, base: LoadedBase, rows: TokenizedRows, steps: StepEvents, cache: Path
) -> tuple[Any, Tensors]:
    trainer: Any = trainer_class(base, spec.config)(
        model=base.model,
        args=trl_arguments(spec, base.device, cache),
        train_dataset=rows.dataset,
        processing_class=base.tokenizer,
        peft_config=lora_config(spec.config, base),
        callbacks=[steps],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    train_in_float32(trainer.model)
    keep_weights(trainer.model)
    initial = begin_adapter(spec, trainer.model, rows.dataset)
    continue_from(spec, trainer)
    take_optimizer(trainer, spec.config, base.device)
    return trainer, initial


def _save(spec: RunSpec, base: LoadedBase, trainer: Any, run_folder: Path, initial: Tensors) -> None:
    """The first process writes the adapter; where weights are sharded, the others take part in looking at them."""
    if is_main():
        save_adapter(trainer.model, base.tokenizer, spec.base_name, run_folder / ADAPTER_FOLDER, initial)
    elif is_sharded(trainer.model):
        with tempfile.TemporaryDirectory(dir=run_folder) as unused:
            save_adapter(trainer.model, base.tokenizer, spec.base_name, Path(unused) / ADAPTER_FOLDER, initial)
    barrier()


def _plan(spec: RunSpec, base: LoadedBase, trainer: Any, trained_tokens: int) -> dict[str, Any]:
    return plan_facts(base, spec.config) | {
        "trainable_parameters": _trainable(trainer.model),
        "adapter_dtype": "float32",
        "mixed_precision": base.device.mixed_precision,
        **path_facts(base, spec.config, trainer),
        "optimizer": trainer.args.optim.value,
        "sequences": len(trainer.train_dataset),
        "trained_tokens_per_epoch": trained_tokens,
        "effective_batch_size": spec.config.effective_batch_size * world_size(),
        "processes": world_size(),
        "weights": "sharded over the processes (FSDP)" if is_sharded(base.model) else "whole on each process",
    }


def _share_batch(spec: RunSpec) -> RunSpec:
    """The spec with what each process of the run does of the effective batch."""
    try:
        share = share_of_one(spec.config, world_size())
    except UserError as error:
        raise ChildFailure(Cause.CRASHED, error.message) from error
    if world_size() > 1:
        rows = f"{share.per_device_train_batch_size} × {share.gradient_accumulation_steps}"
        log(f"{world_size()} processes share the {spec.config.effective_batch_size} rows of a step: {rows} each.")
    return spec.model_copy(update={"config": share})


def _trainable(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
