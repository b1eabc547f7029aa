"""Every kind of adapter, merged by Graft and by peft's own `merge_and_unload` in float32: the same model."""

import warnings
from functools import cache
from typing import Any

import pytest
import torch

from tests.workers.merger.bases import adapter_on, base_of, load, logits, merged, with_adapter

ATTENTION = ["q_proj", "v_proj"]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("llama", {"target_modules": "all-linear"}),
    "rslora": ("llama", {"target_modules": ATTENTION, "use_rslora": True}),
    "patterns": (
        "llama",
        {
            "target_modules": "all-linear",
            "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.up_proj": 3},
            "alpha_pattern": {"^model.layers.0.self_attn.k_proj": 11, "o_proj": 1},
        },
    ),
    "dora": ("llama", {"target_modules": "all-linear", "use_dora": True}),
    "lora_bias": ("llama", {"target_modules": ATTENTION, "lora_bias": True}),
    "bias_all": ("llama", {"target_modules": ATTENTION, "bias": "all"}),
    "bias_lora_only": ("llama", {"target_modules": ATTENTION, "bias": "lora_only"}),
    "both_biases": ("llama", {"target_modules": ATTENTION, "bias": "all", "lora_bias": True}),
    "bias_all_and_saved": ("llama", {"target_modules": ATTENTION, "bias": "all", "modules_to_save": ["o_proj"]}),
    "matrix_parameter": ("llama", {"target_modules": ["v_proj"], "target_parameters": ["q_proj.weight"]}),
    "some_layers": ("llama", {"target_modules": ATTENTION, "layers_to_transform": [1], "exclude_modules": ["v_proj"]}),
    "modules_to_save": ("llama", {"target_modules": ATTENTION, "modules_to_save": ["lm_head", "embed_tokens", "norm"]}),
    "token_rows": ("llama", {"target_modules": ATTENTION, "trainable_token_indices": [90, 3, 41]}),
    "embedding": ("llama", {"target_modules": ["embed_tokens", "lm_head", "q_proj"]}),
    "embedding_dora": ("llama", {"target_modules": ["embed_tokens", "q_proj"], "use_dora": True}),
    "conv1d": ("gpt2", {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True}),
    "conv1d_dora": ("gpt2", {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True, "use_dora": True}),
    "conv1d_bias": ("gpt2", {"target_modules": ["c_attn"], "fan_in_fan_out": True, "bias": "all"}),
    "experts": ("qwen3_moe", {"target_modules": ATTENTION, "target_parameters": EXPERTS}),
    "experts_mixtral": ("mixtral", {"target_modules": ATTENTION, "target_parameters": EXPERTS}),
    "experts_turned": ("gpt_oss", {"target_modules": ATTENTION, "target_parameters": EXPERTS, "use_rslora": True}),
    "experts_saved": ("qwen3_moe", {"target_modules": ATTENTION, "modules_to_save": ["mlp"]}),
    "tied_lora": ("tied", {"target_modules": "all-linear"}),
    "tied_token_rows": ("tied", {"target_modules": ATTENTION, "trainable_token_indices": [90, 3, 41]}),
}


@cache
def logits_of_base(kind: str) -> torch.Tensor:
    return logits(load(base_of(kind)))


@pytest.mark.parametrize("case", CASES)
def test_merges_as_peft_does(case: str) -> None:
    kind, options = CASES[case]
    base = base_of(kind)
    adapter = adapter_on(base, **options)
    folder, plan = merged(base, adapter)

    tuned = with_adapter(base, adapter)
    expected_logits = logits(tuned)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = tuned.merge_and_unload()
    found = load(folder)

    assert plan.used == plan.adapter_tensors > 0
    assert found.state_dict().keys() == expected.state_dict().keys()
    torch.testing.assert_close(dict(found.state_dict()), dict(expected.state_dict()), rtol=2e-6, atol=2e-6)
    torch.testing.assert_close(logits(found), expected_logits, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(logits(found), logits_of_base(kind), rtol=1e-3, atol=1e-3)
