"""How much versions change the weights: measured from files that peft wrote, and held against ΔW itself."""

import itertools
import json
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from peft import LoraConfig, get_peft_model  # noqa: E402
from peft.tuners.lora import LoraLayer  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from tests.tiny import tiny_base  # noqa: E402
from workers.delta_comparer.__main__ import measure  # noqa: E402

LINEAR = ["q_proj", "v_proj", "down_proj"]


def tune(folder: Path, seed: int, **options) -> dict[str, torch.Tensor]:
    """Save an adapter of the tiny base with random factors; ΔW of each module as peft itself forms it."""
    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    chosen = {"r": 4, "lora_alpha": 8, "target_modules": LINEAR} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # tied embeddings, which is what is meant here
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **chosen))
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.save_pretrained(folder)
    return {
        name.removeprefix("base_model.model."): module.get_delta_weight("default").detach().double()
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer)
    }


def cosine(first: torch.Tensor, second: torch.Tensor) -> float:
    return torch.nn.functional.cosine_similarity(first.flatten(), second.flatten(), dim=0).item()


@pytest.fixture
def three(tmp_path):
    """A plain version, one with rsLoRA, and one with patterns, a ninth rank and an embedding."""
    deltas = [
        tune(tmp_path / "0", 0),
        tune(tmp_path / "1", 1, use_rslora=True, r=8, lora_alpha=3),
        tune(
            tmp_path / "2",
            2,
            target_modules=[*LINEAR, "embed_tokens"],
            rank_pattern={"down_proj": 9, r"layers\.1\..*v_proj": 2},
            alpha_pattern={"model.layers.0.self_attn.q_proj": 5},
        ),
    ]
    return [tmp_path / str(place) for place in range(3)], deltas


def test_norms_and_cosines_are_those_of_the_whole_matrices(three):
    folders, deltas = three
    found = measure(folders)
    assert set(found.modules) == set().union(*deltas)
    assert "model.embed_tokens" in found.modules
    for version, delta in zip(found.versions, deltas, strict=True):
        assert version.problem == ""
        by_module = dict(zip(found.modules, version.norms, strict=True))
        for module in found.modules:
            assert by_module[module] == (
                pytest.approx(delta[module].norm().item(), rel=1e-5) if module in delta else None
            )
        assert version.norm == pytest.approx(sum(one.norm().item() ** 2 for one in delta.values()) ** 0.5, rel=1e-5)
    for pair in found.pairs:
        first, second = deltas[pair.first], deltas[pair.second]
        for module, value in zip(found.modules, pair.cosines, strict=True):
            both = module in first and module in second
            assert value == (pytest.approx(cosine(first[module], second[module]), abs=1e-6) if both else None)
        whole = [
            torch.cat(
                [
                    delta.get(module, torch.zeros_like((first | second)[module])).flatten()
                    for module in found.modules
                    if module in first | second
                ]
            )
            for delta in (first, second)
        ]
        assert pair.cosine == pytest.approx(cosine(*whole), abs=1e-6)
    assert [(pair.first, pair.second) for pair in found.pairs] == list(itertools.combinations(range(3), 2))


def test_a_version_and_its_double_point_the_same_way(tmp_path):
    tune(tmp_path / "0", 0)
    tensors = load_file(tmp_path / "0" / "adapter_model.safetensors")
    (tmp_path / "1").mkdir()
    save_file(
        {name: -2 * one if "lora_B" in name else one for name, one in tensors.items()},
        tmp_path / "1" / "adapter_model.safetensors",
    )
    (tmp_path / "1" / "adapter_config.json").write_text((tmp_path / "0" / "adapter_config.json").read_text())
    found = measure([tmp_path / "0", tmp_path / "1"])
    assert found.pairs[0].cosine == pytest.approx(-1)
    assert found.versions[1].norm == pytest.approx(2 * found.versions[0].norm, rel=1e-5)


def test_what_is_no_low_rank_change_is_said_and_left_out(tmp_path):
    tune(tmp_path / "0", 0)
    tune(tmp_path / "1", 1, use_dora=True, modules_to_save=["lm_head"])
    plain, dora = measure([tmp_path / "0", tmp_path / "1"]).versions
    assert plain.remarks == []
    assert "DoRA" in dora.remarks[0]
    assert "lm_head" in dora.remarks[1]
    factors = load_file(tmp_path / "1" / "adapter_model.safetensors")
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    product = 2 * factors[f"{name}.lora_B.weight"].double() @ factors[f"{name}.lora_A.weight"].double()
    found = measure([tmp_path / "1"])
    assert found.versions[0].norms[found.modules.index("model.layers.0.self_attn.q_proj")] == pytest.approx(
        product.norm().item(), rel=1e-5
    )


def test_other_kinds_and_broken_files_are_named_and_the_others_measured(tmp_path):
    tune(tmp_path / "0", 0)
    for place, config in (
        (1, {"peft_type": "IA3"}),
        (2, {"peft_type": "LORA", "r": 0}),
        (3, {"peft_type": "LORA", "rank_pattern": {"(a+)+$(": 3}}),
    ):
        (tmp_path / str(place)).mkdir()
        save_file(
            load_file(tmp_path / "0" / "adapter_model.safetensors"), tmp_path / str(place) / "adapter_model.safetensors"
        )
        (tmp_path / str(place) / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "4" / "adapter_model.safetensors").write_bytes(b"not weights")
    found = measure([tmp_path / str(place) for place in range(5)])
    assert found.versions[0].norm
    for version, words in zip(found.versions[1:], ("IA3", "config", "(a+)+$(", "cannot be read"), strict=True):
        assert words in version.problem
        assert version.norm is None
    assert found.pairs == []


def test_versions_of_other_shapes_have_norms_but_no_cosine_there(tmp_path):
    tune(tmp_path / "0", 0)
    tensors = load_file(tmp_path / "0" / "adapter_model.safetensors")
    (tmp_path / "1").mkdir()
    wider = {name: one.repeat(2, 1) if "q_proj.lora_B" in name else one for name, one in tensors.items()}
    save_file({name: one.contiguous() for name, one in wider.items()}, tmp_path / "1" / "adapter_model.safetensors")
    (tmp_path / "1" / "adapter_config.json").write_text((tmp_path / "0" / "adapter_config.json").read_text())
    found = measure([tmp_path / "0", tmp_path / "1"])
    alike = dict(zip(found.modules, found.pairs[0].cosines, strict=True))
    assert alike["model.layers.0.self_attn.q_proj"] is None
    assert alike["model.layers.0.self_attn.v_proj"] == pytest.approx(1)
    assert found.pairs[0].cosine is None
    assert all(version.norm for version in found.versions)
