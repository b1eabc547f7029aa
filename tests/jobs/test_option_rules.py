"""Options that exclude each other are refused beside the one that has to change; what works in part is remarked on."""

import pytest

from finetune_app.errors import InvalidFields
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.option_remarks import remarks, saved_rank
from finetune_app.jobs.parse_config import parse_config

PLAIN = {"quantization": "none"}


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"use_dora": True, "quantization": "int8"}, "use_dora", "DoRA does not work on a base in int8."),
        ({"use_dora": True, "init_lora_weights": "loftq"}, "use_dora", "DoRA takes its lengths before LoftQ"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights", "PiSSA takes its directions out of the base's weights"),
        ({"init_lora_weights": "olora", "quantization": "int8"}, "init_lora_weights", "OLoRA takes its directions"),
        ({"init_lora_weights": "pissa", "method": "dpo", **PLAIN}, "init_lora_weights", "This method compares"),
        ({"init_lora_weights": "orthogonal"}, "init_lora_weights", "Orthogonal initial weights need a base without"),
        ({"init_lora_weights": "orthogonal", "r": 7, **PLAIN}, "init_lora_weights", "need even ranks"),
        (
            {"init_lora_weights": "orthogonal", "rank_pattern": {"q_proj": 3}, **PLAIN},
            "init_lora_weights",
            "need even ranks",
        ),
        ({"init_lora_weights": "loftq", **PLAIN}, "init_lora_weights", "LoftQ makes up for 4-bit quantization."),
        ({"bias": "all", "method": "kto"}, "bias", "trained biases change the base"),
        ({"rank_pattern": {"up_proj": 3}}, "rank_pattern", "“up_proj” is none of the target modules."),
        ({"alpha_pattern": {"mlp.up_proj": 3}}, "alpha_pattern", "“mlp.up_proj” is none of the target modules."),
        ({"modules_to_save": ["q_proj"]}, "modules_to_save", "“q_proj” has an adapter already"),
        (
            {"modules_to_save": ["embed_tokens"], "trainable_token_indices": [3]},
            "trainable_token_indices",
            "The whole embedding is trained already",
        ),
    ],
)
def test_what_does_not_go_together_is_said_beside_its_option(values, field, words):
    with pytest.raises(InvalidFields) as error:
        parse_config(values)
    assert error.value.code == "invalid_fields"
    ((name, sentence),) = error.value.errors.items()
    assert name == f"config.{field}"
    assert words in sentence


def test_all_that_does_not_go_together_is_said_at_once():
    with pytest.raises(InvalidFields) as error:
        parse_config({"use_dora": True, "quantization": "int8", "init_lora_weights": "loftq"})
    assert set(error.value.errors) == {"config.use_dora", "config.init_lora_weights"}


@pytest.mark.parametrize(
    "values",
    [
        {"use_dora": True},
        {"use_dora": True, "init_lora_weights": "pissa", **PLAIN},
        {"init_lora_weights": "olora", "use_rslora": True, "rank_pattern": {"q_proj": 4}, **PLAIN},
        {"init_lora_weights": "loftq", "quantization": "fp4"},
        {"init_lora_weights": "eva", "quantization": "int8"},
        {"rank_pattern": {"up_proj": 3}, "target_modules": "all-linear"},
        {"rank_pattern": {"model.layers.0.self_attn.q_proj": 3}},
        {"bias": "all"},
        {"modules_to_save": ["lm_head"], "trainable_token_indices": [3]},
    ],
)
def test_what_works_together_is_taken(values):
    assert parse_config(values)


@pytest.mark.parametrize(
    ("values", "option", "words"),
    [
        ({"use_dora": True}, "use_dora", "vLLM does not serve DoRA adapters"),
        ({"bias": "lora_only"}, "bias", "trained biases"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save", "trained in full"),
        ({"trainable_token_indices": [5]}, "trainable_token_indices", "trained tokens"),
        ({"r": 24}, "r", "room for rank 32"),
        ({"rank_pattern": {"q_proj": 100}}, "r", "room for rank 128"),
        ({"init_lora_weights": "pissa", **PLAIN}, "init_lora_weights", "a plain adapter of rank 64, twice the size"),
        ({"init_lora_weights": "olora", "r": 300, **PLAIN}, "r", "vLLM serves ranks up to 512"),
        ({"init_lora_weights": "loftq"}, "init_lora_weights", "belongs on the base in nf4"),
        ({"held_out_share": 0}, "load_best_model_at_end", "No share of the rows is held out"),
        ({"held_out_share": 0, "early_stopping_patience": 2}, "early_stopping_patience", "can end early only"),
    ],
)
def test_what_a_later_step_cannot_use_is_remarked_on(values, option, words):
    found = {remark.option: remark.text for remark in remarks(parse_config(values))}
    assert words in found[option]


def test_the_defaults_need_no_remark():
    assert remarks(SFTOptions()) == []
    assert saved_rank(SFTOptions(r=8)) == 8
