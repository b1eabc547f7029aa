"""The plan that is made without transformers is the one that they would make, or there is none."""

import json
import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from adapters.weight_files import StoredTensor
from tests.workers.merger.bases import adapter_on, base_of, spec_for
from workers.merger.names import FileNames
from workers.merger.plan import plan_merge
from workers.merger.plan_plain import MODEL_TYPES, plan_plainly

LINEAR = ["q_proj", "v_proj", "down_proj"]


@pytest.mark.parametrize("options", [{}, {"use_rslora": True, "r": 9}, {"target_modules": ["layers.1.mlp.up_proj"]}])
@pytest.mark.parametrize("base", ["llama", "tied"])
def test_it_is_the_plan_that_peft_and_transformers_make(base, options):
    adapter = adapter_on(base_of(base), **({"target_modules": LINEAR} | options))
    spec = spec_for(base_of(base))
    plain, full = plan_plainly(spec, adapter), plan_merge(spec, adapter)
    assert plain is not None
    assert (plain.used, plain.adapter_tensors, plain.config) == (full.used, full.adapter_tensors, full.config)
    assert [(one.name, one.shape, one.source) for one in plain.tensors] == [
        (one.name, one.shape, one.source) for one in full.tensors
    ]
    changed = 0
    for one, other in zip(plain.tensors, full.tensors, strict=True):
        assert (one.change is None) == (other.change is None)
        assert one.value is other.value is None
        if one.change:
            zeros = [torch.zeros(one.shape) for _ in range(2)]
            assert torch.equal(one.change.apply(zeros[0], 0), other.change.apply(zeros[1], 0))
            changed += 1
    assert changed == full.used / 2


@pytest.mark.parametrize(
    "options",
    [
        {"use_dora": True},
        {"bias": "all"},
        {"lora_bias": True},
        {"rank_pattern": {"q_proj": 2}},
        {"alpha_pattern": {"q_proj": 2}},
        {"modules_to_save": ["lm_head"]},
        {"target_modules": [*LINEAR, "lm_head"]},
        {"target_modules": [*LINEAR, "embed_tokens"]},
        {"target_modules": r".*\.q_proj"},
        {"layers_to_transform": [1]},
        {"exclude_modules": ["layers.0.mlp.down_proj"]},
        {"trainable_token_indices": [3]},
        {"init_lora_weights": "pissa"},
    ],
)
def test_anything_else_is_left_to_them(options):
    adapter = adapter_on(base_of("llama"), **({"target_modules": LINEAR} | options))
    assert plan_plainly(spec_for(base_of("llama")), adapter) is None


def test_so_is_what_does_not_fit(tmp_path):
    adapter = adapter_on(base_of("llama"), target_modules=LINEAR)
    assert plan_plainly(spec_for(base_of("llama")), adapter)
    assert plan_plainly(spec_for(base_of("llama"), is_quantized=True), adapter) is None
    assert plan_plainly(spec_for(base_of("gpt2")), adapter) is None
    for change in ({"target_modules": ["q_proj"]}, {"target_modules": [*LINEAR, "k_proj"]}, {"r": 3}):
        other = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(adapter, other)
        config = json.loads((other / "adapter_config.json").read_text())
        (other / "adapter_config.json").write_text(json.dumps(config | change))
        assert plan_plainly(spec_for(base_of("llama")), other) is None


@pytest.mark.parametrize("kind", sorted(MODEL_TYPES))
def test_these_architectures_are_named_in_files_as_in_memory_and_have_linear_layers(kind):
    config = AutoConfig.for_model(kind, num_hidden_layers=1)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    stored = [StoredTensor(name, "F32", shape, base_of("llama"), 0, 0) for name, shape in shapes.items()]
    found = FileNames(model, stored).whole
    assert {name: tensor.name for name, tensor in found.items()} == {name: name for name in shapes}
    for name, module in model.named_modules():
        weight = shapes.get(f"{name}.weight", ())
        if len(weight) == 2 and "embed" not in name:
            assert isinstance(module, torch.nn.Linear)
