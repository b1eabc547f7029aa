"""Every LoRA option trains, and what is saved gives the same on the registered base with plain peft.

The trainer's last look at the held-out rows is compared with the evaluator's, which loads the saved adapter onto the base
as it is registered: the loss is the same to 1e-5 without quantization, and to 0.02 where products are rounded to bfloat16
or int8 and the processor takes other kernels for a model that is not trained.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from adapters.adapter_folder import read_adapter_folder
from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.causes import Cause
from tests.tiny import CONFIG, HIDDEN, make_tiny_base, tiny_base, tiny_tensors
from tests.workers.runs import EVALUATOR, TRAINER, Ended, make_run, preference_rows, run, train
from workers.spec import SPEC_NAME, RunSpec

EXACT, ROUNDED = 1e-5, 0.02
AT_ONCE = 3
PLAIN: dict[str, Any] = {"quantization": "none"}
RUNS: dict[str, dict[str, Any]] = {
    "patterns": {
        "use_rslora": True,
        "rank_pattern": {"q_proj": 4, "layers.0.self_attn.q_proj": 2},
        "alpha_pattern": {"up_proj": 64},
        **PLAIN,
    },
    "layers": {"layers_to_transform": [1], "init_lora_weights": "gaussian", **PLAIN},
    "orthogonal, LoRA+": {"init_lora_weights": "orthogonal", "loraplus_lr_ratio": 4.0, **PLAIN},
    "PiSSA, DoRA, rsLoRA": {
        "init_lora_weights": "pissa",
        "use_dora": True,
        "use_rslora": True,
        "rank_pattern": {"q_proj": 4},
        **PLAIN,
    },
    "OLoRA": {"init_lora_weights": "olora", **PLAIN},
    "DoRA on nf4": {"use_dora": True, "quantization": "nf4"},
    "EVA on fp4": {"init_lora_weights": "eva", "quantization": "fp4", "bnb_4bit_use_double_quant": False},
    "LoftQ on nf4": {"init_lora_weights": "loftq", "quantization": "nf4"},
    "int8": {"quantization": "int8"},
    "whole modules": {"modules_to_save": ["embed_tokens"], **PLAIN},
    "tokens": {"trainable_token_indices": [30, 5, 6], "optim": "paged_adamw_8bit", "max_grad_norm": 0.0, **PLAIN},
    "biases": {"bias": "all", "target_modules": ["q_proj", "v_proj"], **PLAIN},
}
BIASED = "biases"


def base_with_biases(folder: Path) -> Path:
    """The tiny base with biases in its attention."""
    tensors = tiny_tensors()
    biases = {}
    for name, (dtype, shape, _) in tensors.items():
        if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight", "o_proj.weight")):
            biases[name.removesuffix("weight") + "bias"] = (dtype, shape[:1], bytes(2 * shape[0]))
    make_tiny_base(folder, tensors=tensors | biases)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"attention_bias": True}))
    return folder


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Ended, Path]]:
    """Each run and its evaluation, several side by side."""
    place = tmp_path_factory.mktemp("options")
    biased = base_with_biases(place / "biased-base")

    def both(name: str) -> tuple[Ended, Ended, Path]:
        folder = place / name
        base = {"base": biased} if name == BIASED else {}
        make_run(folder, max_steps=3, **base, **RUNS[name])
        trained = run(TRAINER, folder)
        return trained, run(EVALUATOR, folder), folder / "adapter"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(RUNS, pool.map(both, RUNS), strict=True))


def tensors_of(adapter: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(adapter / "adapter_model.safetensors", "np") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict


@pytest.mark.parametrize("name", RUNS)
def test_the_saved_adapter_gives_on_the_registered_base_what_was_trained(
    ended: dict[str, tuple[Ended, Ended, Path]], name: str
) -> None:
    trained, scored, _ = ended[name]
    assert trained.done["steps"] == 3
    assert trained.steps[-1].loss < trained.steps[0].loss
    in_training = [event for event in trained.events if event.type == "held_out"][-1].loss
    assert scored.scores.tuned.loss == pytest.approx(
        in_training, abs=EXACT if RUNS[name]["quantization"] == "none" else ROUNDED
    )
    assert scored.scores.base.loss - scored.scores.tuned.loss > 0.5


@pytest.mark.parametrize("name", RUNS)
def test_the_registry_takes_the_adapter_and_its_config_begins_nothing_anew(
    ended: dict[str, tuple[Ended, Ended, Path]], name: str
) -> None:
    _, _, adapter = ended[name]
    assert {file.path for file in read_adapter_folder(adapter)} >= {"adapter_config.json", "adapter_model.safetensors"}
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["init_lora_weights"] is True
    assert list(config) == sorted(config)


def test_what_was_trained_beside_a_and_b_is_saved(ended: dict[str, tuple[Ended, Ended, Path]]) -> None:
    plain = "base_model.model.model.layers.0.self_attn.q_proj"
    assert tensors_of(ended["DoRA on nf4"][2])[f"{plain}.lora_magnitude_vector"] == (HIDDEN,)
    assert tensors_of(ended[BIASED][2])[f"{plain}.base_layer.bias"] == (HIDDEN,)
    assert tensors_of(ended["whole modules"][2])["base_model.model.model.embed_tokens.weight"] == (512, HIDDEN)
    tokens = [shape for name, shape in tensors_of(ended["tokens"][2]).items() if "trainable_tokens_delta" in name]
    assert tokens == [(3, HIDDEN)]


def test_trained_biases_do_not_change_the_score_of_the_base(ended: dict[str, tuple[Ended, Ended, Path]]) -> None:
    """The biases of that base are all 0, so it scores as the one without."""
    _, scored, adapter = ended[BIASED]
    with safe_open(adapter / "adapter_model.safetensors", "np") as file:
        biases = [file.get_tensor(name) for name in file.keys() if name.endswith("bias")]  # noqa: SIM118 - not a dict
    assert all(np.abs(bias).max() > 0 for bias in biases)
    assert scored.scores.base.loss == pytest.approx(ended["layers"][1].scores.base.loss, abs=EXACT)


def test_initial_weights_out_of_the_base_are_taken_off_again(ended: dict[str, tuple[Ended, Ended, Path]]) -> None:
    _, _, adapter = ended["PiSSA, DoRA, rsLoRA"]
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert (config["r"], config["rank_pattern"]) == (16, {"q_proj": 8})
    assert config["lora_alpha"] == pytest.approx(16 * np.sqrt(2))
    shapes = tensors_of(adapter)
    assert shapes["base_model.model.model.layers.1.mlp.up_proj.lora_A.weight"] == (16, HIDDEN)
    assert shapes["base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"] == (HIDDEN, 8)
    assert any(name.endswith("lora_magnitude_vector") for name in shapes)


def test_ranks_follow_the_most_specific_pattern(ended: dict[str, tuple[Ended, Ended, Path]]) -> None:
    shapes = tensors_of(ended["patterns"][2])
    ranks = [shapes[f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_A.weight"][0] for layer in (0, 1)]
    assert ranks == [2, 4]
    assert shapes["base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"][0] == 8


def test_only_the_chosen_layers_get_an_adapter(ended: dict[str, tuple[Ended, Ended, Path]]) -> None:
    assert all(".layers.1." in name for name in tensors_of(ended["layers"][2]))


def test_the_plan_tells_how_the_base_is_held(ended: dict[str, tuple[Ended, Ended, Path]]) -> None:
    held = {name: run[0].plan["quantization"] for name, run in ended.items()}
    assert (held["EVA on fp4"], held["LoftQ on nf4"]) == ("fp4", "nf4, double quantization")
    assert (held["int8"], held["OLoRA"]) == ("int8", "none")


def test_a_paged_optimizer_on_a_processor_is_replaced_and_that_is_said(
    ended: dict[str, tuple[Ended, Ended, Path]],
) -> None:
    trained, _, _ = ended["tokens"]
    assert trained.plan["optimizer"] == "adamw_8bit"
    assert "on this processor it is adamw_8bit instead of paged_adamw_8bit" in trained.texts[0]


def test_b_learns_faster_than_a_with_lora_plus(tmp_path: Path) -> None:
    """With plain SGD-like first steps of Adam, B moves by the rate times the ratio, and A by the rate."""
    moved = {}
    for ratio in (None, 8.0):
        folder = tmp_path / str(ratio)
        train(folder, max_steps=1, loraplus_lr_ratio=ratio, **PLAIN)
        with safe_open(folder / "adapter" / "adapter_model.safetensors", "np") as file:
            names = [name for name in file.keys() if ".lora_B." in name]  # noqa: SIM118 - not a dict
            moved[ratio] = np.mean([np.abs(file.get_tensor(name)).mean() for name in names])
    assert moved[8.0] == pytest.approx(8 * moved[None], rel=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank_pattern": {"qkv_proj": 4}}, "none of the target modules is called “qkv_proj”"),
        ({"layers_to_transform": [2]}, "The base model has no layer 2; its 2 layers are counted from 0."),
        ({"modules_to_save": ["score"]}, "it has no module “score” to train in full"),
        ({"trainable_token_indices": [512]}, "The base model has no token 512"),
        ({"init_lora_weights": "eva", "r": 64}, "EVA finds no more than 32 directions in"),
    ],
)
def test_an_option_that_names_what_the_base_lacks_stops_the_run(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    cause, detail = train(tmp_path, max_steps=1, **options).cause
    assert cause is Cause.OPTIONS_UNFIT
    assert words in detail


def test_loftq_begins_nearer_to_the_unquantized_base() -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from peft.utils.integrations import dequantize_module_weight
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from workers.trainer.initial_weights import begin_with_loftq

    recipe = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(tiny_base(), quantization_config=recipe, device_map={"": "cpu"})
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=32, target_modules=["up_proj"]))
    begin_with_loftq(model, tiny_base())
    name = "model.layers.1.mlp.up_proj"
    stored = load_file(tiny_base() / "model.safetensors")[f"{name}.weight"].float()
    module = model.get_submodule(f"base_model.model.{name}")
    rounded = dequantize_module_weight(module.get_base_layer()).float()
    begun = rounded + module.get_delta_weight("default").float()
    assert torch.linalg.norm(stored - begun) < 0.85 * torch.linalg.norm(stored - rounded)


@pytest.mark.parametrize("is_known", [True, False])
def test_eva_looks_at_rows_of_any_method(is_known: bool) -> None:
    import torch

    from workers.trainer.initial_weights import eva_batches

    row = {"input_ids": [1, 2, 3]} if is_known else {"prompt_ids": [1, 2], "chosen_ids": [3], "rejected_ids": [4]}
    batches = list(eva_batches([row, row, row], 6, torch.device("cpu")))
    assert [batch["input_ids"].tolist() for batch in batches] == [[[1, 2, 3], [1, 2, 3]]]
    (only,) = eva_batches([row], 6, torch.device("cpu"))
    assert only["attention_mask"].tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(
    "options",
    [
        {"init_lora_weights": "pissa", "use_dora": True, "loraplus_lr_ratio": 4.0, **PLAIN},
        {"init_lora_weights": "eva", "loraplus_lr_ratio": 4.0, "quantization": "nf4"},
    ],
    ids=["PiSSA", "EVA"],
)
def test_a_run_that_goes_on_from_a_checkpoint_ends_with_the_same_adapter(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    options = options | {"max_steps": 4, "save_steps": 2, "eval_steps": 2, "load_best_model_at_end": False}
    whole = train(tmp_path / "whole", **options)
    assert whole.done["steps"] == 4
    (first,) = [event for event in whole.events if event.type == "checkpoint" and event.step == 2]
    second = make_run(tmp_path / "second", **options)
    spec = RunSpec.model_validate_json((second / SPEC_NAME).read_text())
    resumed = spec.model_copy(update={"resume_folder": tmp_path / "whole" / first.folder})
    (second / SPEC_NAME).write_text(resumed.model_dump_json())
    ended = run(TRAINER, second)
    assert [step.step for step in ended.steps] == [3, 4]
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        saved = [(tmp_path / folder / "adapter" / name).read_bytes() for folder in ("whole", "second")]
        assert saved[0] == saved[1]


def test_preferences_train_with_the_options_of_lora(tmp_path: Path) -> None:
    ended = train(
        tmp_path,
        preference_rows(),
        row_form=RowForm.PREFERENCE,
        method="dpo",
        init_lora_weights="eva",
        loraplus_lr_ratio=4.0,
        learning_rate=1e-3,
        optim="adamw_8bit",
        max_steps=6,
        **PLAIN,
    )
    assert ended.done["steps"] == 6
    assert ended.steps[0].loss == pytest.approx(np.log(2))  # before the first step it answers as the base does
    assert ended.steps[-1].loss < ended.steps[0].loss
