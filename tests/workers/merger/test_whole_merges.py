"""Adapters that need more than a sum, all the way: planned, written as a worker has it written, and loaded from disk."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapters.fingerprint import fingerprint
from finetune_app.jobs.events import DoneEvent, parse_line
from tests.workers.merger.bases import adapter_on, base_of, logits, spec_for, with_adapter
from workers.merge_spec import ADAPTER_FOLDER, MERGED_FOLDER, MergeFacts
from workers.merger import blocks
from workers.merger.merge import merge
from workers.spec import SPEC_NAME, BaseDigests

ATTENTION = ["q_proj", "v_proj"]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
CASES: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "tied_head": ("tied", {"target_modules": ["lm_head", "q_proj"]}, None),
    "token_rows_and_bias": (
        "llama",
        {"target_modules": ATTENTION, "trainable_token_indices": [3, 90], "bias": "lora_only"},
        None,
    ),
    "experts": ("qwen3_moe", {"target_modules": ATTENTION, "target_parameters": EXPERTS}, None),
    "vocabulary": ("tied", {"target_modules": ATTENTION, "save_embedding_layers": True}, 101),
    "vocabulary_changed": (
        "llama",
        {"target_modules": ["embed_tokens", "lm_head"], "save_embedding_layers": True},
        101,
    ),
}


def run_folder(folder: Path, base: Path, adapter: Path) -> Path:
    folder.mkdir()
    (folder / ADAPTER_FOLDER).symlink_to(adapter)
    found = fingerprint(base)
    digests = BaseDigests(**{name: getattr(found, name) for name in BaseDigests.model_fields})
    (folder / SPEC_NAME).write_text(spec_for(base, base_digests=digests).model_dump_json())
    return folder


@pytest.mark.parametrize("case", CASES)
def test_the_written_model_behaves_as_base_and_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    kind, options, rows = CASES[case]
    base = base_of(kind)
    resize = (lambda model: model.resize_token_embeddings(rows)) if rows else None
    adapter = adapter_on(base, before=resize, **options)
    monkeypatch.setitem(blocks.BLOCK_VALUES, "cpu", 80)  # five rows of most tensors here

    folder = run_folder(tmp_path / "run", base, adapter)
    merge(folder)

    assert [path.name for path in (folder / MERGED_FOLDER).glob("*.safetensors")] == ["model.safetensors"]
    found = AutoModelForCausalLM.from_pretrained(folder / MERGED_FOLDER, dtype="auto").eval()
    assert found.dtype == torch.float32
    torch.testing.assert_close(logits(found), logits(with_adapter(base, adapter, rows)), rtol=1e-4, atol=1e-4)


def test_the_child_of_a_worker_does_it(tmp_path: Path) -> None:
    base = base_of("qwen3_moe")
    adapter = adapter_on(base, target_modules=ATTENTION, target_parameters=EXPERTS)
    folder = run_folder(tmp_path / "run", base, adapter)

    done = subprocess.run(
        [sys.executable, "-m", "workers.merger", folder],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert isinstance(parse_line(done.stdout.splitlines()[-1]), DoneEvent)
    facts = MergeFacts.model_validate_json((folder / "merge.json").read_text())
    assert facts.used == facts.adapter_tensors == 16
    changed = {tensor.name for tensor in facts.tensors if tensor.change == "added"}
    assert len([name for name in changed if ".experts." in name]) == 2 * 3 * 3
    found = AutoModelForCausalLM.from_pretrained(folder / MERGED_FOLDER).eval()
    torch.testing.assert_close(logits(found), logits(with_adapter(base, adapter)), rtol=1e-4, atol=1e-4)
    assert AutoTokenizer.from_pretrained(folder / MERGED_FOLDER).chat_template
