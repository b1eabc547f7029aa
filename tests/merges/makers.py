"""Merged models that the tests start from: with real files, those of the tiny base, and the report of a proof."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from django.utils import timezone
from safetensors.numpy import save_file

from adapters.models import AdapterVersion
from finetune_app.merges.models import MergedModel, MergedNumber
from finetune_app.merges.options import MIN_PROMPTS, MergeOptions
from finetune_app.merges.report import (
    Gate,
    GateName,
    Losses,
    MergeReport,
    PromptReport,
    TensorReport,
    Way,
)
from finetune_app.merges.states import Onto, Verdict
from finetune_app.storage import blobs
from finetune_app.work.states import OPEN_TASK_STATES, TaskState
from tests.tiny import HEADS, HIDDEN, KV_HEADS, LAYERS, tiny_base

MODULES = ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
BAD_KL = 0.31


def write_fitting_adapter(folder: Path, *, rank: int = 4) -> Path:
    """An adapter that changes what the tiny base says, as peft saves it, made without peft."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    widths = {"q_proj": HIDDEN, "v_proj": HIDDEN // HEADS * KV_HEADS}
    tensors = {}
    for layer in range(LAYERS):
        for module, width in widths.items():
            name = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            tensors[f"{name}.lora_A.weight"] = random.normal(0, 0.2, (rank, HIDDEN)).astype(np.float32)
            tensors[f"{name}.lora_B.weight"] = random.normal(0, 0.2, (width, rank)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "tiny",
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": list(widths),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def make_merged_model(
    version: AdapterVersion,
    *,
    verdict: Verdict = Verdict.VERIFIED,
    state: TaskState = TaskState.SUCCEEDED,
    report: MergeReport | None = None,
    **changes: Any,
) -> MergedModel:
    """The next merged model of the version.

    Args:
        version: any; what is stored as merged are the files of `tests/tiny.py`'s base.
        verdict: of a finished one.
        state: one that has not succeeded has neither files nor report.
        report: another one than `make_report` gives.
        **changes: other columns, such as `error` and `error_code`.
    """
    given, _ = MergedNumber.objects.get_or_create(version=version)
    given.last += 1
    given.save()
    columns: dict[str, Any] = {
        "workspace": version.workspace,
        "number": given.last,
        "base_revision": version.base_revision,
        "options": MergeOptions().model_dump(mode="json"),
        "key": hashlib.sha256(uuid.uuid4().bytes).hexdigest(),
        "state": state,
        "created_by": version.created_by,
    }
    if state not in OPEN_TASK_STATES:
        columns["finished_at"] = timezone.now()
    if state == TaskState.SUCCEEDED:
        columns |= _finished(report or make_report(verdict))
    return version.merged_models.create(**columns | changes)


def make_report(verdict: Verdict = Verdict.VERIFIED, *, is_quantized: bool = False) -> MergeReport:
    """What a proof may say; a rejected one missed its limit of the mean KL by far."""
    is_good = verdict == Verdict.VERIFIED
    kl = 0.0004 if is_good else BAD_KL
    ways = [Way(onto=Onto.ORIGINAL, kl=0.02, worst_kl=0.2, top1=0.98, loss=0.31)]
    ways.append(Way(onto=Onto.QUANTIZED, kl=0.001, worst_kl=0.05, top1=0.995, loss=0.29))
    return MergeReport(
        verdict=verdict,
        gates=[
            Gate(name=GateName.LOADS_WHOLE, value=0.0, limit=0.0, at="most", passed=True),
            Gate(name=GateName.TOKENIZER_SAME, value=0.0, limit=0.0, at="most", passed=True),
            Gate(name=GateName.EVERY_TENSOR_USED, value=1.0, limit=1.0, at="least", passed=True, detail="12 of 12"),
            Gate(name=GateName.UNTOUCHED_IDENTICAL, value=1.0, limit=1.0, at="least", passed=True),
            Gate(name=GateName.ALL_FINITE, value=1.0, limit=1.0, at="least", passed=True),
            Gate(name=GateName.TOP1_AGREEMENT, value=0.998, limit=0.99, at="least", passed=True),
            Gate(name=GateName.MEAN_KL, value=kl, limit=0.01, at="most", passed=is_good),
            Gate(name=GateName.KL_OF_EFFECT, value=kl / 1.2, limit=0.1, at="most", passed=is_good),
            Gate(name=GateName.DELTA_RETENTION, value=0.999, limit=0.95, at="least", passed=True),
            Gate(name=GateName.DELTA_ERROR, value=0.0, limit=0.1, at="most", passed=True),
        ],
        prompts=[
            PromptReport(
                source="held_out" if place < 10 else "rows",
                text=f"Where is parcel {place}?",
                positions=20,
                kl=kl * (1 + place / MIN_PROMPTS),
                worst_kl=kl * 8,
                effect=1.2,
                top1=0.998,
            )
            for place in range(MIN_PROMPTS)
        ],
        tensors=[
            TensorReport(
                name=f"model.layers.{layer}.{module}.weight",
                change="added",
                delta_norm=0.4 + layer,
                weight_norm=12.0,
                retention=0.998 - layer / 1000,
                possible=0.999,
                off=0.0,
                error=0.02,
            )
            for layer in range(LAYERS)
            for module in MODULES
        ],
        untouched=15,
        positions=20 * MIN_PROMPTS,
        top1=0.998,
        kl=kl,
        worst_kl=kl * 8,
        effect=1.2,
        max_logit_difference=0.06,
        losses=Losses(rows=10, base=3.2, adapter=0.08, merged=0.081),
        ways=ways if is_quantized else [],
        closest=Onto.QUANTIZED if is_quantized else None,
        reference="base in float32 with the adapter",
        facts={"device": "cpu", "dtype": "float32", "seconds": 1.5, "peak_ram_bytes": 300_000_000},
    )


def _finished(report: MergeReport) -> dict[str, Any]:
    files = []
    for path in sorted(tiny_base().iterdir()):
        blob = blobs.put_file(path)
        files.append({"path": path.name, "size": blob.size, "sha256": blob.sha256})
    return {
        "verdict": report.verdict,
        "files": files,
        "size": sum(file["size"] for file in files),
        "report_sha256": blobs.put_bytes(report.model_dump_json().encode()).sha256,
    }
