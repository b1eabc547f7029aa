"""`TrainingConfig`, and what a form and a client get to read of it."""

import pytest

from finetune_app.errors import InvalidFields
from finetune_app.jobs.config_form import ConfigForm, form_values
from finetune_app.jobs.config_options import OPTIONS, OPTIONS_OF, Kind, grouped
from finetune_app.jobs.methods import METHODS
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.options import GROUP_TITLES
from finetune_app.jobs.parse_config import parse_config
from finetune_app.jobs.training_config import ALL_LINEAR


def sentence(**values):
    with pytest.raises(InvalidFields) as error:
        parse_config(values)
    (only,) = error.value.errors.items()
    return only


def test_no_words_at_all_give_the_defaults():
    assert parse_config({}) == SFTOptions()


def test_text_is_as_good_as_numbers():
    assert parse_config({"r": " 16 ", "learning_rate": "2e-3"}) == SFTOptions(r=16, learning_rate=2e-3)


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"learning_rate": "abc"}, "config.learning_rate", "“abc” is not a number."),
        ({"r": "1.5"}, "config.r", "“1.5” is not a whole number."),
        ({"r": 0}, "config.r", "Must be 1 or more."),
        ({"lora_dropout": 1}, "config.lora_dropout", "Must be less than 1."),
        ({"learning_rate": 0}, "config.learning_rate", "Must be more than 0."),
        ({"num_train_epochs": "inf"}, "config.num_train_epochs", "“inf” is not a number."),
        ({"packing": "perhaps"}, "config.packing", "“perhaps” is neither true nor false."),
        ({"target_modules": []}, "config.target_modules", "Choose at least one module, or “all-linear”."),
        ({"target_modules": ["a b"]}, "config.target_modules", "“a b” is not a module name."),
        ({"rank": 8}, "config.rank", "There is no such option."),
    ],
)
def test_each_mistake_is_said_in_words(values, field, words):
    assert sentence(**values) == (field, words)


def test_modules_are_kept_once_each():
    assert SFTOptions(target_modules=["q_proj", "q_proj"]).target_modules == ["q_proj"]


@pytest.mark.parametrize(
    ("options", "rows", "steps"),
    [
        ({}, 300, 57),  # 75 batches, 19 steps an epoch, three epochs
        ({"num_train_epochs": 0.5}, 300, 10),
        ({"max_steps": 40}, 300, 40),
        ({"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "num_train_epochs": 1}, 9, 2),
    ],
)
def test_steps_follow_from_rows_epochs_and_batch(options, rows, steps):
    assert SFTOptions(**options).steps_for(rows) == steps


@pytest.mark.parametrize("method", METHODS)
def test_every_option_can_be_shown(method):
    options = OPTIONS_OF[method]
    assert {"method", *options} == set(METHODS[method].options.model_fields)
    shown = [option.name for _, _, found in grouped(method) for option in found]
    assert sorted(shown) == sorted(options)
    assert all(option.title and option.help.endswith(".") for option in options.values())
    assert {option.group for option in OPTIONS.values()} == set(GROUP_TITLES)


def test_bounds_and_choices_are_those_of_the_class():
    assert OPTIONS["r"].bounds == "From 1 to 512."
    assert OPTIONS["learning_rate"].bounds == "More than 0, at most 1."
    assert OPTIONS["lora_dropout"].bounds == "From 0 to less than 1."
    assert OPTIONS["eval_steps"].bounds == "From 1 to 1,000,000."


@pytest.mark.parametrize("method", METHODS)
def test_every_choice_is_one_that_the_class_takes(method):
    plain = {"method": method, "quantization": "nf4"}
    for option in OPTIONS_OF[method].values():
        if option.kind is Kind.CHOICE:
            for value, _title in option.choices:
                alone = {"quantization": "none"} if value in {"orthogonal", "pissa", "olora"} else {}
                if option.name == "bias" or value in {"pissa", "olora"}:
                    alone["method"] = "sft"
                if value == "exo_pair":
                    alone["label_smoothing"] = 0.001
                parse_config(plain | alone | {option.name: value})
            assert option.default in dict(option.choices)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_form_shows_of_a_config_reads_back_as_that_config(method):
    config = parse_config(
        {
            "method": method,
            "target_modules": "all-linear",
            "rank_pattern": {"down_proj": 4, "model.layers.0.mlp.up_proj": 8},
            "layers_to_transform": [0, 1, 2, 5],
            "modules_to_save": ["lm_head", "embed_tokens"],
            "loraplus_lr_ratio": 16,
        }
    )
    form = ConfigForm({name: value for name, value in form_values(config, []).items() if value is not False})
    assert form.is_valid(), form.errors
    assert form.config == config


def test_values_read_as_people_write_them():
    assert OPTIONS["learning_rate"].text(2e-4) == "0.0002"
    assert OPTIONS["packing"].text(False) == "Off"
    assert OPTIONS["quantization"].text("nf4") == "nf4, 4 bits (QLoRA)"
    assert OPTIONS["target_modules"].text(ALL_LINEAR) == "All linear layers"
    assert OPTIONS["max_steps"].text(None) == "–"
