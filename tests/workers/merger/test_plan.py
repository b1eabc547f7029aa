"""What a merge makes of tied embeddings, other vocabularies and other names in files, and what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

from finetune_app.jobs.causes import Cause
from finetune_app.merges.states import Onto
from tests.adapters.peft_adapters import copy_of
from tests.workers.merger.bases import adapter_on, base_of, config_of, load, logits, merged, spec_for, with_adapter
from workers.child import ChildFailure
from workers.merger.plan import plan_merge

ATTENTION = ["q_proj", "v_proj"]
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"target_modules": ["embed_tokens"]}, {EMBEDDING}),
        ({"target_modules": ["lm_head"]}, {HEAD}),
        ({"target_modules": ["embed_tokens", "lm_head"]}, {EMBEDDING, HEAD}),
        ({"target_modules": ["embed_tokens"], "use_dora": True}, {EMBEDDING}),
        ({"target_modules": ATTENTION, "modules_to_save": ["lm_head"]}, {HEAD}),
        ({"target_modules": ATTENTION, "modules_to_save": ["embed_tokens"]}, {EMBEDDING}),
    ],
)
def test_tied_embeddings_become_two_when_one_side_changed(options: dict[str, Any], changed: set[str]) -> None:
    base = base_of("tied")
    adapter = adapter_on(base, **options)

    folder, plan = merged(base, adapter)

    assert config_of(folder)["tie_word_embeddings"] is False
    assert plan.config == {"tie_word_embeddings": False}
    before, after = weights(base), weights(folder)
    assert {name for name in (EMBEDDING, HEAD) if not torch.equal(after[name], before[EMBEDDING])} == changed
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)


@pytest.mark.parametrize(
    "options",
    [
        {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
        {"target_modules": ATTENTION, "modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
        {"target_modules": ATTENTION, "trainable_token_indices": [7, 60]},
    ],
)
def test_tied_embeddings_stay_one_when_both_sides_changed_alike(options: dict[str, Any]) -> None:
    base = base_of("tied")
    adapter = adapter_on(base, **options)

    folder, plan = merged(base, adapter)

    assert plan.config == {}
    assert HEAD not in weights(folder)
    assert not torch.equal(weights(folder)[EMBEDDING], weights(base)[EMBEDDING])
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)


def test_tied_embeddings_that_the_files_have_twice_become_two(tmp_path: Path) -> None:
    base, twice = base_of("tied"), tmp_path / "twice"
    shutil.copytree(base, twice)
    save_file(weights(base) | {HEAD: weights(base)[EMBEDDING].clone()}, twice / "model.safetensors", {"format": "pt"})
    adapter = adapter_on(base, target_modules=["embed_tokens"])

    folder, plan = merged(twice, adapter)

    assert plan.config == {"tie_word_embeddings": False}
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)


@pytest.mark.parametrize("kind", ["llama", "tied"])
def test_embeddings_that_were_saved_along_unchanged_change_nothing(kind: str) -> None:
    base = base_of(kind)
    adapter = adapter_on(base, target_modules=ATTENTION, save_embedding_layers=True)

    _, plan = merged(base, adapter)

    assert plan.used == plan.adapter_tensors
    assert plan.config == {}
    touched = {one.name for one in plan.tensors if one.change or one.value is not None}
    assert len(touched) == 4
    assert all("_proj" in name for name in touched)


@pytest.mark.parametrize("kind", ["llama", "tied", "gpt2"])
@pytest.mark.parametrize("rows", [101, 90])
def test_another_vocabulary_comes_from_the_adapter(kind: str, rows: int) -> None:
    base = base_of(kind)
    names = {"gpt2": ["c_attn"]}.get(kind, ATTENTION)
    adapter = adapter_on(
        base,
        before=lambda model: model.resize_token_embeddings(rows),
        target_modules=names,
        fan_in_fan_out=kind == "gpt2",
        save_embedding_layers=True,
    )

    folder, plan = merged(base, adapter)

    assert config_of(folder)["vocab_size"] == rows
    assert plan.config == {"vocab_size": rows}
    found = load(folder)
    assert found.get_input_embeddings().weight.shape[0] == rows
    torch.testing.assert_close(logits(found), logits(with_adapter(base, adapter, rows)), **CLOSE)


def test_another_vocabulary_whose_embedding_has_a_change_of_its_own() -> None:
    base = base_of("llama")
    adapter = adapter_on(
        base,
        before=lambda model: model.resize_token_embeddings(101),
        target_modules=["embed_tokens", "lm_head"],
        save_embedding_layers=True,
    )

    folder, _ = merged(base, adapter)

    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter, 101)), **CLOSE)


def test_names_without_the_prefix_of_the_model(tmp_path: Path) -> None:
    base = base_of("gpt2")
    bare = shutil.copytree(base, tmp_path / "bare")
    plain = {name.removeprefix("transformer."): tensor for name, tensor in weights(base).items()}
    save_file(plain, bare / "model.safetensors", {"format": "pt"})
    adapter = adapter_on(base, target_modules=["c_attn", "lm_head"], fan_in_fan_out=True)

    folder, _ = merged(bare, adapter)

    assert weights(folder).keys() == plain.keys() | {HEAD}
    torch.testing.assert_close(logits(load(folder)), logits(with_adapter(base, adapter)), **CLOSE)


def test_a_tensor_of_several_files_keeps_its_file(tmp_path: Path) -> None:
    base, sharded = base_of("llama"), tmp_path / "sharded"
    load(base).save_pretrained(sharded, max_shard_size="8KB")
    adapter = adapter_on(base, target_modules="all-linear")

    plan = plan_merge(spec_for(sharded), adapter)

    files = [one.source.path.name for one in plan.tensors if one.source]
    assert files == sorted(files)
    assert len(set(files)) > 2


@pytest.mark.parametrize(("kind", "is_turned"), [("llama", False), ("gpt2", True)])
def test_knows_the_layers_that_bitsandbytes_quantizes(kind: str, *, is_turned: bool) -> None:
    base = base_of(kind)
    names = ["c_attn"] if is_turned else ATTENTION
    quantized = AutoModelForCausalLM.from_pretrained(base, quantization_config=BitsAndBytesConfig(load_in_4bit=True))
    expected = {f"{name}.weight" for name, module in quantized.named_modules() if type(module).__name__ == "Linear4bit"}

    plan = plan_merge(
        spec_for(base, is_quantized=True), adapter_on(base, target_modules=names, fan_in_fan_out=is_turned)
    )

    assert {one.name for one in plan.tensors if one.is_round_tripped} == expected
    assert {one.is_turned for one in plan.tensors if one.is_round_tripped} == {is_turned}


def test_an_unquantized_training_saw_no_nf4() -> None:
    base = base_of("llama")
    plan = plan_merge(spec_for(base, onto=Onto.QUANTIZED), adapter_on(base, target_modules=ATTENTION))
    assert not any(one.is_round_tripped for one in plan.tensors)


def refusal(base: Path, adapter: Path, **options: Any) -> str:
    with pytest.raises(ChildFailure) as caught:
        plan_merge(spec_for(base, **options), adapter)
    assert caught.value.cause is Cause.MERGE_UNFIT
    return caught.value.detail


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"peft_type": "IA3"}, "merges LoRA adapters"),
        ({"peft_type": "TRAINABLE_TOKENS"}, "merges LoRA adapters"),
        ({"task_type": "SEQ_CLS"}, "scores texts"),
        ({"layer_replication": [[0, 2], [1, 2]]}, "layer_replication"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"),
        ({"alora_invocation_tokens": [1, 2]}, "ALora"),
        ({"r": 8}, "lora_A.weight of the adapter is [4, 16]"),
        ({"target_modules": ["q_proj"]}, "have no place"),
        ({"target_modules": ["q_proj", "v_proj", "o_proj"]}, "which its config promises"),
        ({"target_modules": ["no_such_module"]}, "are not in tiny@1"),
    ],
)
def test_refuses_what_does_not_fit(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    base = base_of("llama")
    adapter = copy_of(adapter_on(base, target_modules=ATTENTION), tmp_path / "adapter", **changed)
    assert words in refusal(base, adapter)


def test_refuses_an_adapter_of_another_base() -> None:
    adapter = adapter_on(base_of("gpt2"), target_modules=["c_attn"], fan_in_fan_out=True)
    assert "are not in tiny@1" in refusal(base_of("llama"), adapter)


def test_refuses_biases_that_have_no_place() -> None:
    base = base_of("tied")
    adapter = adapter_on(base, target_modules=ATTENTION, lora_bias=True)
    assert "has no bias" in refusal(base, adapter)


def test_refuses_half_of_another_vocabulary(tmp_path: Path) -> None:
    base = base_of("llama")
    whole = adapter_on(
        base,
        before=lambda model: model.resize_token_embeddings(101),
        target_modules=ATTENTION,
        save_embedding_layers=True,
    )
    half = copy_of(whole, tmp_path / "half")
    tensors = load_file(whole / "adapter_model.safetensors")
    del tensors[f"base_model.model.{HEAD}"]
    save_file(tensors, half / "adapter_model.safetensors")
    assert f"{HEAD} is [96, 16]" in refusal(base, half)


def test_refuses_a_base_that_is_quantized_already(tmp_path: Path) -> None:
    base = copy_with(base_of("llama"), tmp_path / "base", quantization_config={"quant_method": "gptq", "bits": 4})
    assert "quantized already (gptq)" in refusal(base, adapter_on(base_of("llama"), target_modules=ATTENTION))


def test_runs_no_code_of_a_base_that_nobody_allowed(tmp_path: Path) -> None:
    auto_map = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    base = copy_with(base_of("llama"), tmp_path / "base", auto_map=auto_map)
    (base / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(ChildFailure) as caught:
        plan_merge(spec_for(base), adapter_on(base_of("llama"), target_modules=ATTENTION))
    assert caught.value.cause is Cause.CODE_NOT_ALLOWED


def test_refuses_a_damaged_adapter(tmp_path: Path) -> None:
    adapter = copy_of(adapter_on(base_of("llama"), target_modules=ATTENTION), tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be read" in refusal(base_of("llama"), adapter)


def copy_with(base: Path, to: Path, **config: Any) -> Path:
    shutil.copytree(base, to)
    (to / "config.json").write_text(json.dumps(config_of(to) | config))
    return to


def test_reads_no_weights_to_plan(tmp_path: Path) -> None:
    """A plan is made of headers: it needs no more than that the files are as long as they say."""
    base = shutil.copytree(base_of("llama"), tmp_path / "base")
    path = base / "model.safetensors"
    size = path.stat().st_size
    header = path.read_bytes()[: 8 + int.from_bytes(path.read_bytes()[:8], "little")]
    path.write_bytes(header)
    with path.open("r+b") as file:
        file.truncate(size)
    adapter = adapter_on(base_of("llama"), target_modules="all-linear")

    plan = plan_merge(spec_for(base), adapter)

    assert plan.used == plan.adapter_tensors
    assert AutoConfig.from_pretrained(base).vocab_size == 96
