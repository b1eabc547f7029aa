"""Bases whose files have other tensors than their model: fused ones that are cut, and parts that are put together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, conversion_mapping
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import (
    Concatenate,
    ConversionOps,
    Split,
    Transpose,
    WeightConverter,
    WeightRenaming,
)

from tests.workers.merger.bases import adapter_on, base_of, load, logits, merged, spec_for, with_adapter
from workers.child import ChildFailure
from workers.merger.plan import plan_merge

QKV = ["q_proj", "k_proj", "v_proj"]
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


class Mixed(ConversionOps):
    """A conversion that leaves no number where it was."""

    def convert(self, input_dict: dict[str, Any], target_patterns: Any, **_: Any) -> Any:
        tensor = next(iter(input_dict.values()))
        tensor = tensor[0] if isinstance(tensor, list) else tensor
        return {target_patterns[0]: tensor.flip(0)}

    @property
    def reverse_op(self) -> "Mixed":
        return Mixed()


CONVERSIONS = {
    "fused": [
        WeightConverter(f"attn.qkv.{part}", [f"self_attn.{name}.{part}" for name in QKV], [Split(dim=0)])
        for part in ("weight", "bias")
    ],
    "in_rows": [WeightConverter(["up_a.weight", "up_b.weight"], "up_proj.weight", [Concatenate(dim=0)])],
    "in_columns": [WeightConverter(["up_a.weight", "up_b.weight"], "up_proj.weight", [Concatenate(dim=1)])],
    "turned": [WeightConverter("up_turned.weight", "up_proj.weight", [Transpose()])],
    "renamed": [WeightRenaming(r"\.ffn\.", ".mlp.")],
    "mixed": [WeightConverter("up_mixed.weight", "up_proj.weight", [Mixed()])],
}


@pytest.fixture
def conversion(request: pytest.FixtureRequest) -> Iterator[str]:
    base_of("llama")  # it is made once, and as it is
    register_checkpoint_conversion_mapping("LlamaForCausalLM", CONVERSIONS[request.param])
    try:
        yield request.param
    finally:
        conversion_mapping._checkpoint_conversion_mapping_cache.pop("LlamaForCausalLM")
        conversion_mapping.USER_REGISTERED_MAPPINGS.discard("LlamaForCausalLM")


def converted(folder: Path) -> Path:
    """The same base in the form of files that the conversion is for, as transformers saves it."""
    plain = load(base_of("llama"))
    model = AutoModelForCausalLM.from_config(plain.config)
    model.load_state_dict(plain.state_dict())
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("conversion", "options"),
    [
        ("fused", {"target_modules": ["q_proj", "v_proj"], "bias": "all"}),
        ("fused", {"target_modules": ["q_proj", "k_proj"], "use_dora": True}),
        ("fused", {"target_modules": ["k_proj", "v_proj"], "lora_bias": True}),
        ("in_rows", {"target_modules": ["up_proj"]}),
        ("in_rows", {"target_modules": ["up_proj"], "use_dora": True}),
        ("in_columns", {"target_modules": ["up_proj"]}),
        ("in_columns", {"target_modules": ["q_proj"], "modules_to_save": ["up_proj"]}),
        ("turned", {"target_modules": ["up_proj"]}),
        ("renamed", {"target_modules": ["up_proj"], "modules_to_save": ["down_proj"]}),
    ],
    indirect=["conversion"],
)
def test_changes_find_their_place_in_converted_tensors(
    tmp_path: Path, conversion: str, options: dict[str, Any]
) -> None:
    base = converted(tmp_path / "base")
    assert load_file(base / "model.safetensors").keys() != load_file(base_of("llama") / "model.safetensors").keys()
    adapter = adapter_on(base, **options)

    folder, plan = merged(base, adapter)

    assert plan.used == plan.adapter_tensors
    assert load_file(folder / "model.safetensors").keys() == load_file(base / "model.safetensors").keys()
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)


@pytest.mark.parametrize(
    ("conversion", "options"),
    [("mixed", {"target_modules": ["up_proj"]}), ("in_columns", {"target_modules": ["up_proj"], "use_dora": True})],
    indirect=["conversion"],
)
def test_says_so_where_it_cannot_tell_the_place(tmp_path: Path, conversion: str, options: dict[str, Any]) -> None:
    base = converted(tmp_path / "base")
    adapter = adapter_on(base, **options)
    with pytest.raises(ChildFailure, match="cannot tell where a change of the adapter belongs"):
        plan_merge(spec_for(base), adapter)


@pytest.mark.parametrize("conversion", ["mixed"], indirect=True)
def test_what_is_not_changed_need_not_be_understood(tmp_path: Path, conversion: str) -> None:
    base = converted(tmp_path / "base")
    adapter = adapter_on(base, target_modules=["q_proj"])
    folder, _ = merged(base, adapter)
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)


def test_experts_of_one_name_are_not_mistaken_for_others() -> None:
    """The tenth expert comes after the ninth, whatever the order of their names is."""
    base = base_of("many_experts")
    adapter = adapter_on(base, target_modules=["q_proj"], target_parameters=["mlp.experts.gate_up_proj"])
    folder, _ = merged(base, adapter)
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)
