"""Whatever the job, predicted memory moves the right way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from finetune_app.jobs.methods import METHODS, load_config
from finetune_app.jobs.plan.devices import GIB, Device
from finetune_app.jobs.plan.memory_model import evaluation_bytes, predict_memory
from finetune_app.jobs.plan.rows import Batch
from finetune_app.jobs.plan.shapes import model_shape
from tests.jobs.plan.situations import H100, LLAMA_7B, SHAPE, config

CPU = Device("cpu", "x86_64 CPU, 2 threads", 24 * GIB, has_bf16=True, cores=2)
SMALL = model_shape(
    LLAMA_7B | {"num_hidden_layers": 4, "hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8}
)


def is_allowed(values):
    """Whether these options go together."""
    try:
        load_config(values)
    except ValidationError:
        return False
    return True


cases = st.fixed_dictionaries(
    {
        "method": st.sampled_from(sorted(METHODS)),
        "r": st.sampled_from([4, 64, 256]),
        "target_modules": st.sampled_from([["q_proj", "v_proj"], ["down_proj"], "all-linear"]),
        "quantization": st.sampled_from(["none", "nf4", "int8"]),
        "gradient_checkpointing": st.booleans(),
        "lora_dropout": st.sampled_from([0.0, 0.05]),
        "optim": st.sampled_from(["auto", "adamw_8bit", "adafactor"]),
        "use_dora": st.booleans(),
    }
)
cases = cases.filter(lambda values: is_allowed(values) and is_allowed({**values, "quantization": "int8"}))
where = st.sampled_from([(SHAPE, H100), (SMALL, H100), (SHAPE, CPU), (SMALL, CPU)])


def peak(place, values, tokens=4096):
    shape, device = place
    return predict_memory(shape, load_config(values), device, Batch(tokens, tokens, 1024, tokens, tokens)).needed_bytes


@given(place=where, values=cases, few=st.integers(1, 40_000), more=st.integers(0, 40_000))
def test_more_tokens_never_need_less(place, values, few, more):
    assert peak(place, values, few) <= peak(place, values, few + more)


@given(place=where, values=cases, tokens=st.integers(1, 40_000))
def test_checkpointing_never_needs_more(place, values, tokens):
    with_it, without = ({**values, "gradient_checkpointing": on} for on in (True, False))
    # One layer's input is kept beside the layer itself: for batches of few tokens that is all there is to save.
    slack = 2 * 40_000 * place[0].hidden * 2
    assert peak(place, with_it, tokens) <= peak(place, without, tokens) + slack


@given(place=where, values=cases)
def test_fewer_bits_never_need_more(place, values):
    four, eight, all_bits = (peak(place, {**values, "quantization": kind}) for kind in ("nf4", "int8", "none"))
    assert four <= all_bits
    assert four <= eight


@given(place=where, values=cases)
def test_a_higher_rank_never_needs_less(place, values):
    assert peak(place, values | {"r": 8}) <= peak(place, values | {"r": 16})


@given(place=where, values=cases)
def test_the_parts_add_up_and_none_is_negative(place, values):
    found = predict_memory(place[0], load_config(values), place[1], Batch(4096, 2048, 1024, 4096, 4096))
    assert all(value >= 0 for value in vars(found).values())
    assert found.needed_bytes == sum(vars(found).values())
    assert found.peak_bytes == found.needed_bytes - found.context


def test_double_quantization_takes_its_part_of_a_bit():
    with_it, without = (
        predict_memory(
            SHAPE, config(quantization="nf4", bnb_4bit_use_double_quant=on), H100, Batch(1, 1, 1, 1, 1)
        ).weights
        for on in (True, False)
    )
    assert 8 * (without - with_it) / SHAPE.linear_parameters == pytest.approx(0.373, abs=0.001)  # Dettmers et al. 2023


def test_scoring_needs_more_for_longer_answers():
    few, many = (
        evaluation_bytes(SHAPE, config(), H100, Batch(4096, learned, 1024, 4096, 4096)) for learned in (100, 4000)
    )
    assert SHAPE.parameters * 2 < few < many


@pytest.mark.parametrize(
    "told",
    [{}, {"hidden_size": 8}, LLAMA_7B | {"num_local_experts": 8}, {"hidden_size": "x", "vocab_size": None}],
)
def test_a_model_that_is_not_known_has_no_shape(told):
    assert model_shape(told) is None


def test_the_text_part_of_a_model_that_sees_counts():
    assert model_shape({"vision_config": {"hidden_size": 1}, "text_config": LLAMA_7B}) == SHAPE


def test_grouped_keys_and_a_head_size_of_its_own_are_read():
    shape = model_shape(LLAMA_7B | {"num_key_value_heads": 8, "head_dim": 64})
    assert (shape.query, shape.key_value) == (2048, 512)
    assert shape.linears["k_proj"].parameters == 4096 * 512
