"""The tensors of a merge are checked against what peft itself makes of each, whatever the base and the adapter are."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from finetune_app.merges.states import WeightsDtype
from tests.workers.merger.bases import adapter_on, base_of, merged
from tests.workers.merger.test_against_peft import CASES
from workers.merge_prover.asked import AskedChanges
from workers.merge_prover.tensors import Files, TensorCheck, TensorFindings

WEIGHTS = "model.safetensors"
CPU = torch.device("cpu")
KINDS = (
    "patterns", "dora", "bias_all", "modules_to_save", "embedding", "conv1d_dora", "experts_mixtral", "experts_turned",
    "tied_token_rows", "both_biases", "bias_all_and_saved",
)  # fmt: skip


def check(base: Path, adapter: Path, folder: Path) -> TensorFindings:
    asked = AskedChanges(base, adapter, CPU, trust_remote_code=False)
    assert asked.unknown == []
    found = TensorCheck(Files(base), Files(folder), asked, dtype=WeightsDtype.FLOAT32, round_trips={}, device=CPU).run(
        lambda _count: None
    )
    assert found.tensors == len(Files(folder).stored)
    return found


def is_right(found: TensorFindings) -> bool:
    return not (found.not_identical or found.not_finite) and all(
        tensor.off is not None and tensor.off < 0.01 for tensor in found.changed
    )


@pytest.mark.parametrize("case", KINDS)
def test_what_the_merger_makes_is_what_peft_asks_for(case: str, tmp_path: Path) -> None:
    kind, options = CASES[case]
    base = base_of(kind)
    adapter = adapter_on(base, **options)
    folder, _ = merged(base, adapter)
    found = check(base, adapter, folder)
    assert found.changed
    assert is_right(found)
    assert len(found.changed) + found.untouched >= found.tensors

    # Each of them is looked at: one that keeps the base's numbers is found.
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(folder / WEIGHTS)
    name = next(tensor.name for tensor in found.changed if tensor.name in tensors)
    tensors[name] = load_file(base / WEIGHTS).get(name, torch.zeros_like(tensors[name]))
    save_file(tensors, tmp_path / WEIGHTS, {"format": "pt"})
    broken = check(base, adapter, tmp_path)
    off = [tensor.name for tensor in broken.changed if tensor.off is None or tensor.off > 0.1]
    assert off == ["lm_head.weight", name] if kind == "tied" else [name]
