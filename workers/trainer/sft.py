"""Supervised fine-tuning with LoRA or QLoRA: the training config handed to trl's SFTTrainer, and nothing else."""

import tempfile
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from transformers import ProgressCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.sft_config import SFTConfig

from finetune_app.jobs.events import PhaseEvent, PlanEvent
from finetune_app.jobs.states import Phase
from finetune_app.jobs.training_config import TrainingConfig
from workers.child import emit
from workers.loading import Device, LoadedBase, library_versions, load, peak_memory_bytes, plan_facts
from workers.spec import ADAPTER_FOLDER, RunSpec
from workers.trainer.answer_loss import AnswerLossTrainer
from workers.trainer.callbacks import StepEvents
from workers.trainer.guards import FP16_PATIENCE_STEPS, PATIENCE_STEPS, StepGuard
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
    trainer: Any = AnswerLossTrainer(
        model=base.model,
        args=_arguments(spec, base.device, cache),
        train_dataset=rows.dataset,
        processing_class=base.tokenizer,
        peft_config=_lora(spec.config),
        callbacks=[steps],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    _train_in_float32(trainer.model)
    return trainer


def _lora(config: TrainingConfig) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=config.r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=config.target_modules,
        bias=config.bias,
    )


def _arguments(spec: RunSpec, device: Device, cache: Path) -> SFTConfig:
    config = spec.config
    return SFTConfig(
        output_dir=str(cache),
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.lr_scheduler_type,
        warmup_steps=config.warmup_ratio,  # below 1 it is a share of all steps
        weight_decay=config.weight_decay,
        num_train_epochs=config.num_train_epochs,
        max_steps=config.max_steps or -1,
        seed=config.seed,
        max_length=config.max_length,
        per_device_train_batch_size=config.per_device_train_batch_size,
        gradient_accumulation_steps=config.gradient_accumulation_steps,
        activation_checkpointing=config.gradient_checkpointing,
        packing=config.packing,
        dataset_kwargs={"skip_prepare_dataset": True},  # tokens, labels and packs are made in `rows.py`
        bf16=device.mixed_precision == "bf16",
        fp16=device.mixed_precision == "fp16",
        use_cpu=device.kind == "cpu",
        dataloader_pin_memory=device.kind == "cuda",
        logging_steps=1,
        logging_nan_inf_filter=False,  # the guard must see them
        disable_tqdm=True,
        save_strategy="no",
        report_to="none",
    )


def _train_in_float32(model: torch.nn.Module) -> None:
    """Keep what is trained in float32: trl casts the adapter of a quantized base to bfloat16.

    In bfloat16 a step smaller than 1/256 of a weight is lost, and so is the decay of Adam's second moment.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _plan(spec: RunSpec, base: LoadedBase, trainer: Any, trained_tokens: int) -> dict[str, Any]:
    return plan_facts(base, spec.config) | {
        "trainable_parameters": _trainable(trainer.model),
        "adapter_dtype": "float32",
        "mixed_precision": base.device.mixed_precision,
        "optimizer": trainer.args.optim.value,
        "sequences": len(trainer.train_dataset),
        "trained_tokens_per_epoch": trained_tokens,
        "effective_batch_size": spec.config.effective_batch_size,
    }


def _trainable(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
