"""Run folders of a merge: the tiny base, an adapter that changes what it says, rows, and what the merger left."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from adapters.fingerprint import fingerprint
from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.merges.options import MergeOptions
from tests.tiny import tiny_base
from tests.workers.runs import chat_rows
from workers.merge_spec import ADAPTER_FOLDER, MergeSpec, Rows
from workers.merger.merge import merge
from workers.spec import SPEC_NAME, BaseDigests

LORA: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}
STRENGTH = 0.1  # of the random numbers that B is made of: the adapter is heard, and its change small beside the weights


def make_adapter(folder: Path, base: Path, *, strength: float = STRENGTH, tokens: int = 0, **lora: Any) -> None:
    """An adapter whose every tensor does something, perhaps of a base that was given so many tokens first."""
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if tokens:
        model.resize_token_embeddings(tokens, mean_resizing=False)
    tuned: PeftModel = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **(LORA | lora)))
    with torch.no_grad():
        for name, numbers in tuned.named_parameters():
            if numbers.requires_grad and "lora_A" not in name:
                numbers.add_(torch.randn_like(numbers) * strength)
    tuned.save_pretrained(str(folder), save_embedding_layers=bool(tokens))


def lay_out(
    folder: Path,
    *,
    base: Path | None = None,
    rows: list[dict[str, Any]] | None = None,
    row_form: RowForm = RowForm.CHAT,
    is_quantized: bool = False,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """The order and the rows, which may be an empty list, for none."""
    folder.mkdir(parents=True, exist_ok=True)
    base = base or tiny_base()
    rows = chat_rows() if rows is None else rows
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    facts = fingerprint(base)
    spec = MergeSpec(
        base="tiny@1",
        base_folder=base,
        base_digests=BaseDigests(**{name: getattr(facts, name) for name in BaseDigests.model_fields}),
        adapter="colours@1",
        manifest_sha256="0" * 64,
        is_quantized=is_quantized,
        compute_dtype="float32",
        options=MergeOptions(**options),
        rows=Rows(file=Path("rows.jsonl"), file_format=FileFormat.JSONL, row_form=row_form, config=dict(config or {}))
        if rows
        else None,
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())
    return folder


def make_merge(folder: Path, *, lora: Mapping[str, Any] | None = None, **order: Any) -> Path:
    """The same with an adapter, merged."""
    lay_out(folder, **order)
    make_adapter(folder / ADAPTER_FOLDER, MergeSpec.load(folder).base_folder, **(lora or {}))
    merge(folder)
    return folder


def copy_of(merged: Path, folder: Path) -> Path:
    """A run folder that may be broken."""
    shutil.copytree(merged, folder, dirs_exist_ok=True)
    return folder
