"""Adapters that peft made on the tiny base: the right ones are found right, each wrong one is refused with its reason."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from finetune_app.errors import UserError
from tests.adapters.peft_adapters import copy_of, peft_adapter
from tests.tiny import tiny_base
from workers.adapter_importer.check import check_tensors, check_values, chosen_in, read_config
from workers.adapter_importer.graft_manifest import read_manifest

Q = "base_model.model.model.layers.0.self_attn.q_proj"
Tensors = dict[str, torch.Tensor]


def check(folder: Path, base: Path | None = None) -> None:
    config = read_config(folder)
    check_tensors(folder, config, base or tiny_base(), "tiny@1", trust_remote_code=False)
    check_values(folder)


def refused(folder: Path, code: str, field: str = "", **named: Any) -> str:
    with pytest.raises(UserError) as error:
        check(folder, **named)
    assert (error.value.code, error.value.field) == (code, field), error.value.message
    return error.value.message


def with_tensors(to: Path, change: Callable[[Tensors], Tensors], **config: Any) -> Path:
    """A copy of the plain adapter whose tensors were changed."""
    folder = copy_of(peft_adapter(), to, **config)
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file(change(tensors), folder / "adapter_model.safetensors")
    return folder


def without(tensors: Tensors, name: str) -> Tensors:
    return {other: tensor for other, tensor in tensors.items() if other != name}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dora": True, "use_rslora": True},
        {"target_modules": "all-linear", "rank_pattern": frozenset({"q_proj": 2, "layers.1.mlp.up_proj": 6}.items())},
        {"target_modules": r".*\.layers\.1\.self_attn\.(k|o)_proj"},
        {"target_modules": ("q_proj",), "layers_to_transform": (1,)},
        {"bias": "lora_only", "lora_bias": True},
        {"modules_to_save": ("embed_tokens", "norm")},
        {"target_modules": ("q_proj", "embed_tokens")},
        {"trainable_token_indices": (3, 5, 8)},
        {"task_type": "SEQ_CLS"},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_what_peft_saved_fits(options):
    check(peft_adapter(**options))


def test_what_the_config_chose_is_told():
    told = chosen_in(read_config(peft_adapter(use_dora=True, use_rslora=True)))
    assert told == {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": told["target_modules"],
        "use_rslora": True,
        "use_dora": True,
        "task_type": "CAUSAL_LM",
    }
    assert sorted(told["target_modules"]) == ["q_proj", "v_proj"]


def test_another_rank_than_the_weights_have(tmp_path):
    said = refused(copy_of(peft_adapter(), tmp_path / "a", r=8), "adapter_rank_mismatch")
    assert f"{Q}.lora_A.weight is 4 × 64; on tiny@1 with this adapter_config.json it would be 8 × 64" in said
    refused(copy_of(peft_adapter(), tmp_path / "b", rank_pattern={"v_proj": 2}), "adapter_rank_mismatch")


def test_a_base_of_other_widths(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    config = json.loads((tiny_base() / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"hidden_size": 128}))
    assert "4 × 128" in refused(peft_adapter(), "adapter_not_of_base", "base", base=base)


def test_a_base_of_fewer_layers(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    config = json.loads((tiny_base() / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    said = refused(peft_adapter(), "adapter_tensor_unplaced", "base", base=base)
    assert "4 of 8 tensors" in said


def test_a_base_without_these_modules(tmp_path):
    folder = copy_of(peft_adapter(), tmp_path / "a", target_modules=["query_key_value"])
    refused(folder, "adapter_not_of_base", "base")


def test_a_tensor_that_is_missing(tmp_path):
    folder = with_tensors(tmp_path / "a", lambda tensors: without(tensors, f"{Q}.lora_B.weight"))
    said = refused(folder, "adapter_tensor_missing", "base")
    assert f"1 tensors that adapter_config.json promises for tiny@1 are not there: {Q}.lora_B.weight." in said


def test_a_tensor_too_many(tmp_path):
    other = f"{Q.replace('q_proj', 'k_proj')}.lora_A.weight"
    folder = with_tensors(tmp_path / "a", lambda tensors: tensors | {other: torch.zeros(4, 64)})
    assert other in refused(folder, "adapter_tensor_unplaced", "base")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_value_that_is_no_finite_number(tmp_path, value, dtype):
    def spoil(tensors: Tensors) -> Tensors:
        tensors[f"{Q}.lora_A.weight"][-1, -1] = value
        return {name: tensor.to(dtype) for name, tensor in tensors.items()}

    assert Q in refused(with_tensors(tmp_path / "a", spoil), "adapter_not_finite")


def test_whole_numbers_are_no_weights(tmp_path):
    folder = with_tensors(
        tmp_path / "a", lambda tensors: {name: tensor.to(torch.int8) for name, tensor in tensors.items()}
    )
    assert "I8" in refused(folder, "adapter_type_unsupported")


def test_weights_that_break_off(tmp_path):
    folder = copy_of(peft_adapter(), tmp_path / "a")
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    refused(folder, "adapter_torn")


@pytest.mark.parametrize(
    "config",
    [{"peft_type": "LOHA"}, {"peft_type": "PROMPT_TUNING"}, {"peft_type": None}, {"task_type": "SEQ_2_SEQ_LM"}],
)
def test_other_kinds_of_adapters(tmp_path, config):
    refused(copy_of(peft_adapter(), tmp_path / "a", **config), "adapter_kind_unsupported")


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 100_000])
def test_a_config_that_is_none(tmp_path, text):
    folder = copy_of(peft_adapter(), tmp_path / "a")
    (folder / "adapter_config.json").write_text(text)
    refused(folder, "adapter_torn")


def test_a_base_that_transformers_does_not_know(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "of-tomorrow"}')
    refused(peft_adapter(), "base_not_loadable", "base", base=tmp_path)


def manifest_of(weights: Path, **changes: Any) -> Mapping[str, Any]:
    import hashlib

    return {
        "format": 1,
        "adapter": "adder",
        "version": 3,
        "created_at": "2026-01-01T00:00:00Z",
        "base": {
            "name": "tiny",
            "revision": 1,
            **dict.fromkeys(("weights_root", "arch_digest", "tokenizer_digest", "chat_template_digest"), "0" * 64),
        },
        "files": [
            {
                "path": "adapter_model.safetensors",
                "size": weights.stat().st_size,
                "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            }
        ],
        "lineage": {"what a later release": "writes"},
    } | changes


def test_a_manifest_names_base_and_version(tmp_path):
    folder = copy_of(peft_adapter(), tmp_path / "a")
    assert read_manifest(folder) is None
    weights = folder / "adapter_model.safetensors"
    (folder / "manifest.json").write_text(json.dumps(manifest_of(weights)))
    found = read_manifest(folder)
    assert found
    assert (found.adapter, found.version, found.base.weights_root) == ("adder", 3, "0" * 64)
    for other in ('{"name": "a web page"}', "[]", "{"):
        (folder / "manifest.json").write_text(other)
        assert read_manifest(folder) is None


def test_weights_that_the_manifest_does_not_list(tmp_path):
    folder = copy_of(peft_adapter(), tmp_path / "a")
    (folder / "manifest.json").write_text(json.dumps(manifest_of(folder / "adapter_model.safetensors")))
    shutil.copy(peft_adapter(use_rslora=True, use_dora=True) / "adapter_model.safetensors", folder)
    with pytest.raises(UserError, match="is not the file that manifest"):
        read_manifest(folder)
