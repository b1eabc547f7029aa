"""Weights that went through nf4 are those that a model loaded for training has, bit for bit."""

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from adapters.weight_files import read_tensors, weight_files
from finetune_app.merges.options import MergeOptions
from tests.tiny import tiny_base
from tests.workers.merger.bases import base_of
from tests.workers.merger.written import Plus, made_base, written
from workers.merge_spec import MergeSpec
from workers.merger.planned import Planned
from workers.merger.reading import read_tensor
from workers.merger.round_trip import RoundTrip
from workers.quick_4bit import use_quick_4bit
from workers.spec import BaseDigests


def spec_of(**how) -> MergeSpec:
    digests = BaseDigests(weights_root="", arch_digest="", tokenizer_digest="", chat_template_digest="")
    return MergeSpec(
        base="tiny@1",
        base_folder=tiny_base(),
        base_digests=digests,
        adapter="a@1",
        manifest_sha256="",
        is_quantized=True,
        options=MergeOptions(),
        **how,
    )


def seen_by_training(folder, *, dtype: torch.dtype, double: bool, kind: str) -> dict[str, torch.Tensor]:
    """The weights of the quantized layers as a layer uses them, of a model that transformers loads."""
    use_quick_4bit()
    how = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=kind, bnb_4bit_use_double_quant=double, bnb_4bit_compute_dtype=dtype
    )
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, quantization_config=how, device_map={"": "cpu"})
    return {
        f"{name}.weight": dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        for name, layer in model.named_modules()
        if isinstance(layer, Linear4bit)
    }


@pytest.mark.parametrize(
    ("dtype", "kind", "double"),
    [("bfloat16", "nf4", True), ("float16", "nf4", False), ("float32", "nf4", True), ("bfloat16", "fp4", True)],
)
def test_the_same_weights_that_a_layer_of_a_loaded_model_uses(dtype, kind, double):
    round_trip = RoundTrip(spec_of(compute_dtype=dtype, quant_type=kind, double_quant=double))
    stored = {tensor.name: tensor for tensor in read_tensors(weight_files(tiny_base()))}
    expected = seen_by_training(tiny_base(), dtype=getattr(torch, dtype), double=double, kind=kind)
    assert len(expected) == 14
    for name, weight in expected.items():
        found = round_trip(read_tensor(stored[name]))
        assert found.dtype == weight.dtype
        assert torch.equal(found, weight)
        assert not torch.equal(found.float(), read_tensor(stored[name]).float())


def test_a_layer_that_is_stored_the_other_way_round_is_turned_for_it(tmp_path):
    """gpt2's: bitsandbytes quantizes it with its outputs first."""
    folder = base_of("gpt2")
    expected = seen_by_training(folder, dtype=torch.float32, double=True, kind="nf4")
    name = "transformer.h.0.attn.c_attn.weight"
    stored = {tensor.name: tensor for tensor in read_tensors(weight_files(folder))}[name]
    planned = [Planned(name, stored.shape, stored, is_round_tripped=True, is_turned=True)]
    after = written(tmp_path / "merged", planned, "float32", round_trip=RoundTrip(spec_of(compute_dtype="float32")))
    assert torch.equal(read_tensor(after[name]), expected[name].T)


def test_only_quantized_layers_go_through_it_and_the_change_is_added_afterwards(tmp_path):
    base = {
        name: torch.randn(48, 64, generator=torch.Generator().manual_seed(number)) for number, name in enumerate("abc")
    }
    stored = made_base(tmp_path / "base", {name: tensor.to(torch.bfloat16) for name, tensor in base.items()})
    delta = torch.full((48, 64), 0.03)
    planned = [
        Planned("a", (48, 64), stored["a"], Plus(delta), is_round_tripped=True),
        Planned("b", (48, 64), stored["b"], is_round_tripped=True),
        Planned("c", (48, 64), stored["c"], Plus(delta)),
    ]
    round_trip = RoundTrip(spec_of())
    after = written(tmp_path / "merged", planned, round_trip=round_trip)
    found = {name: read_tensor(tensor) for name, tensor in after.items()}
    assert torch.equal(found["a"], (round_trip(read_tensor(stored["a"])).float() + delta).to(torch.bfloat16))
    assert torch.equal(found["b"], round_trip(read_tensor(stored["b"])))
    assert torch.equal(found["c"], (read_tensor(stored["c"]).float() + delta).to(torch.bfloat16))
