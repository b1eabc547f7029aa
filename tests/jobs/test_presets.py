"""The presets fill the form with what they say."""

import pytest

from finetune_app.jobs.presets import PRESETS
from finetune_app.jobs.training_config import ALL_LINEAR

BY_NAME = {preset.name: preset.config() for preset in PRESETS}


@pytest.mark.parametrize(
    ("name", "ranks", "modules"),
    [
        ("start-here", {32}, ["q_proj", "v_proj"]),
        ("light-touch", {8, 16}, ["q_proj", "v_proj"]),
        ("deep-change", {64, 128}, ALL_LINEAR),
        ("classic-7b", {64}, ["q_proj", "v_proj"]),
    ],
)
def test_each_preset_is_what_its_name_promises(name, ranks, modules):
    config = BY_NAME[name]
    assert config.r in ranks
    assert config.lora_alpha == 2 * config.r
    assert config.target_modules == modules


def test_a_summary_names_the_rank_that_it_sets():
    for preset in PRESETS:
        assert f"r {preset.config().r}, alpha {preset.config().lora_alpha}" in preset.summary
