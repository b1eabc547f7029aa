"""In which numbers a run computes, and what stops it where device, tokenizer or base do not go together."""

import json
import shutil
from pathlib import Path

import pytest

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.methods.sft import SFTOptions
from tests.tiny import tiny_base
from tests.workers.runs import train


@pytest.mark.parametrize(
    ("kind", "has_bf16", "is_four_bit", "expected"),
    [
        ("cuda", True, False, "bfloat16"),
        ("cuda", True, True, "bfloat16"),
        ("cuda", False, True, "float16"),
        ("cpu", True, False, "float32"),
        ("cpu", True, True, "bfloat16"),
        ("cpu", False, True, "float32"),
    ],
)
def test_the_dtype_is_what_the_device_computes_in(kind: str, has_bf16: bool, is_four_bit: bool, expected: str) -> None:
    from workers.precision import choose_dtype, short_dtype

    assert short_dtype(choose_dtype(kind, has_bf16=has_bf16, is_four_bit=is_four_bit)) == expected


def test_a_gpu_without_bfloat16_scales_its_losses_and_keeps_the_adapter_in_float32() -> None:
    import torch

    from workers.precision import Device
    from workers.trainer.lora import train_in_float32

    assert Device("cuda", "T4", torch.float16, None).mixed_precision == "fp16"
    model = torch.nn.Linear(2, 2, dtype=torch.float16)
    model.bias.requires_grad = False
    train_in_float32(model)
    assert (model.weight.dtype, model.bias.dtype) == (torch.float32, torch.float16)


@pytest.mark.parametrize(
    ("optim", "on_cpu", "on_gpu"),
    [
        ("auto", "adamw_torch_fused", "adamw_torch_fused"),
        ("adamw_8bit", "adamw_8bit", "adamw_8bit"),
        ("paged_adamw_32bit", "adamw_torch", "paged_adamw_32bit"),
        ("paged_adamw_8bit", "adamw_8bit", "paged_adamw_8bit"),
    ],
)
def test_the_optimizer_is_one_that_the_device_has(optim: str, on_cpu: str, on_gpu: str) -> None:
    import torch

    from workers.precision import Device
    from workers.trainer.optimizer import optimizer_name

    config = SFTOptions(optim=optim)
    assert optimizer_name(config, Device("cpu", "CPU", torch.float32, None)) == on_cpu
    assert optimizer_name(config, Device("cuda", "GPU", torch.bfloat16, None)) == on_gpu


def test_a_tokenizer_with_tokens_beyond_the_embedding_stops_the_run(tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_base(), tmp_path / "base"))
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    for number in range(len(tokenizer["model"]["vocab"]), 513):  # ids have no gaps
        content = "<|tool|>" if number == 512 else f"<|reserved {number}|>"
        tokenizer["added_tokens"].append(tokenizer["added_tokens"][0] | {"id": number, "content": content})
    (base / "tokenizer.json").write_text(json.dumps(tokenizer))
    cause, detail = train(tmp_path / "run", base=base, max_steps=1).cause
    assert cause is Cause.TOKENIZER_SIZE
    assert "“<|tool|>” (512) is the first without one" in detail


def test_a_base_that_is_quantized_already_is_loaded_as_it_is(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    recipe = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(tiny_base(), quantization_config=recipe, device_map={"": "cpu"})
    base = Path(shutil.copytree(tiny_base(), tmp_path / "base"))
    (base / "model.safetensors").unlink()
    model.save_pretrained(base)
    ended = train(tmp_path / "run", base=base, quantization="int8", max_steps=3)
    assert ended.plan["quantization"] == "as it is (bitsandbytes)"
    assert ended.plan["base_parameters"] == 106_816
    assert ended.steps[-1].loss < ended.steps[0].loss
    cause, detail = train(tmp_path / "pissa", base=base, quantization="none", init_lora_weights="pissa").cause
    assert cause is Cause.OPTIONS_UNFIT
    assert "The base is quantized already (bitsandbytes)" in detail


@pytest.mark.parametrize(("method", "package"), [("gptq", "gptqmodel"), ("awq", "gptqmodel")])
def test_a_base_whose_library_is_missing_stops_the_run_and_names_it(tmp_path: Path, method: str, package: str) -> None:
    base = Path(shutil.copytree(tiny_base(), tmp_path / "base"))
    config = json.loads((base / "config.json").read_text())
    recipe = {"quant_method": method, "bits": 4, "group_size": 64, "zero_point": True}
    (base / "config.json").write_text(json.dumps(config | {"quantization_config": recipe}))
    cause, detail = train(tmp_path / "run", base=base, max_steps=1).cause
    assert cause is Cause.PRECISION_UNSUPPORTED
    assert f"quantized already ({method})" in detail
    assert package in detail
