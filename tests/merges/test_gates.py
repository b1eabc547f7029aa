"""The gates decide as the field notes say, at their limits and on either side of them, and nothing unmeasured passes."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune_app.merges.gates import (
    CLOSE_LOGITS,
    MAX_MEAN_KL,
    MAX_OF_EFFECT,
    MAX_OFF,
    MIN_EFFECT,
    MIN_RETENTION,
    MIN_TOP1,
    Measurements,
    gates_of,
    kept_of_possible,
    verdict_of,
)
from finetune_app.merges.report import Gate, GateName, MergeReport, TensorReport
from finetune_app.merges.states import Verdict, WeightsDtype

CHANGED = TensorReport(
    name="q.weight", change="added", delta_norm=1, weight_norm=30, retention=0.98, possible=0.98, error=0.2, off=0
)
GOOD = Measurements(
    dtype=WeightsDtype.BFLOAT16,
    load_problems=[],
    tokenizer_differences=[],
    adapter_tensors=28,
    used=28,
    untouched=6,
    not_identical=[],
    tensors=20,
    not_finite=[],
    changed=[CHANGED],
    logit_distance=1e-5,
    top1=1,
    kl=1e-5,
    effect=0.5,
)
FLOAT32 = replace(GOOD, dtype=WeightsDtype.FLOAT32)


def failed(found: Measurements) -> list[GateName]:
    return [gate.name for gate in gates_of(found) if not gate.passed]


def gate(found: Measurements, name: GateName) -> Gate:
    return next(gate for gate in gates_of(found) if gate.name == name)


def with_tensor(**facts: Any) -> Measurements:
    return replace(GOOD, changed=[CHANGED, CHANGED.model_copy(update={"name": "odd.weight", **facts})])


@pytest.mark.parametrize("found", [GOOD, FLOAT32])
def test_a_good_merge_is_verified(found: Measurements) -> None:
    assert failed(found) == []
    assert verdict_of(gates_of(found)) is Verdict.VERIFIED


def test_no_gates_at_all_verify_nothing() -> None:
    assert verdict_of([]) is Verdict.REJECTED


def test_float32_is_held_to_its_logits_and_16_bits_to_what_they_say() -> None:
    of_float32 = {gate.name for gate in gates_of(FLOAT32)}
    of_bfloat16 = {gate.name for gate in gates_of(GOOD)}
    assert of_float32 - of_bfloat16 == {GateName.LOGITS_CLOSE}
    assert of_bfloat16 - of_float32 == {GateName.TOP1_AGREEMENT, GateName.MEAN_KL}


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (replace(GOOD, load_problems=["missing_keys: q.weight"]), GateName.LOADS_WHOLE),
        (replace(GOOD, tokenizer_differences=["the chat template"]), GateName.TOKENIZER_SAME),
        (replace(GOOD, used=27), GateName.EVERY_TENSOR_USED),
        (replace(GOOD, adapter_tensors=0, used=0), GateName.EVERY_TENSOR_USED),
        (replace(GOOD, not_identical=["norm.weight"]), GateName.UNTOUCHED_IDENTICAL),
        (replace(GOOD, not_finite=["q.weight"]), GateName.ALL_FINITE),
    ],
)
def test_one_thing_wrong_fails_its_gate_alone(found: Measurements, name: GateName) -> None:
    assert failed(found) == [name]
    assert verdict_of(gates_of(found)) is Verdict.REJECTED


def test_what_fails_is_named() -> None:
    assert gate(replace(GOOD, not_identical=["a", "b", "c"]), GateName.UNTOUCHED_IDENTICAL).detail == "a and 2 more"
    assert gate(with_tensor(retention=0.5), GateName.DELTA_RETENTION).detail.startswith("odd.weight: 0.500")
    assert gate(with_tensor(off=1.4), GateName.DELTA_ERROR).detail == "odd.weight"


@pytest.mark.parametrize(
    ("at_limit", "beyond", "name"),
    [
        (replace(GOOD, top1=MIN_TOP1), replace(GOOD, top1=MIN_TOP1 - 1e-9), GateName.TOP1_AGREEMENT),
        (replace(GOOD, kl=MAX_MEAN_KL), replace(GOOD, kl=MAX_MEAN_KL + 1e-9), GateName.MEAN_KL),
        (
            replace(FLOAT32, logit_distance=CLOSE_LOGITS),
            replace(FLOAT32, logit_distance=CLOSE_LOGITS + 1e-9),
            GateName.LOGITS_CLOSE,
        ),
        (
            replace(FLOAT32, kl=0.25 * MAX_OF_EFFECT, effect=0.25),
            replace(FLOAT32, kl=0.25 * MAX_OF_EFFECT + 1e-9, effect=0.25),
            GateName.KL_OF_EFFECT,
        ),
        (with_tensor(off=MAX_OFF), with_tensor(off=MAX_OFF + 1e-9), GateName.DELTA_ERROR),
        (
            with_tensor(retention=MIN_RETENTION, possible=1),
            with_tensor(retention=MIN_RETENTION - 1e-9, possible=1),
            GateName.DELTA_RETENTION,
        ),
    ],
)
def test_the_limit_itself_passes_and_the_next_number_does_not(
    at_limit: Measurements, beyond: Measurements, name: GateName
) -> None:
    assert failed(at_limit) == []
    assert failed(beyond) == [name]


def test_a_merge_that_did_nothing_is_as_far_from_the_adapter_as_the_base() -> None:
    nothing = replace(GOOD, kl=0.009, effect=0.009)
    assert failed(nothing) == [GateName.KL_OF_EFFECT]


def test_of_an_adapter_that_does_almost_nothing_rounding_may_change_as_much() -> None:
    found = replace(GOOD, kl=MIN_EFFECT * MAX_OF_EFFECT / 2, effect=1e-7)
    assert failed(found) == []
    assert "almost nothing" in gate(found, GateName.KL_OF_EFFECT).detail
    assert failed(replace(found, kl=MIN_EFFECT)) == [GateName.KL_OF_EFFECT]


def test_what_rounding_takes_is_no_mistake_and_what_a_mistake_takes_is() -> None:
    assert failed(with_tensor(retention=0.52, possible=0.52, error=0.8)) == []
    assert failed(with_tensor(retention=0.26, possible=0.52)) == [GateName.DELTA_RETENTION]
    assert failed(with_tensor(retention=2, possible=1)) == [GateName.DELTA_RETENTION]
    assert failed(with_tensor(retention=-1, possible=1)) == [GateName.DELTA_RETENTION]


def test_where_rounding_leaves_nothing_nothing_is_asked_for() -> None:
    assert failed(with_tensor(retention=0.001, possible=0.0)) == []
    assert failed(with_tensor(retention=1.0, possible=0.0)) == [GateName.DELTA_RETENTION]


def test_a_change_of_exactly_nothing_and_a_replaced_tensor_have_no_retention() -> None:
    nothing = with_tensor(delta_norm=0, retention=None, possible=None, error=None)
    replaced = with_tensor(change="replaced", delta_norm=None, retention=None, possible=None, error=None)
    assert failed(nothing) == failed(replaced) == []
    assert failed(replace(GOOD, changed=[])) == []


def test_a_changed_tensor_that_could_not_be_compared_fails() -> None:
    missing = with_tensor(retention=None, possible=None, off=None)
    assert failed(missing) == [GateName.DELTA_RETENTION, GateName.DELTA_ERROR]
    assert gate(missing, GateName.DELTA_RETENTION).detail == "odd.weight"


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["logit_distance", "top1", "kl", "effect"])
@pytest.mark.parametrize("dtype", WeightsDtype)
def test_what_is_no_number_never_passes(dtype: WeightsDtype, name: str, number: float) -> None:
    found = replace(GOOD, dtype=dtype, **{name: number})
    is_asked = {"logit_distance": dtype is WeightsDtype.FLOAT32, "top1": dtype is not WeightsDtype.FLOAT32}
    assert (verdict_of(gates_of(found)) is Verdict.REJECTED) is is_asked.get(name, True)
    assert all(not gate.passed for gate in gates_of(found) if gate.value is None)


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(retention=numbers, possible=numbers, off=numbers, kl=numbers, effect=numbers, top1=numbers)
def test_a_gate_is_passed_just_when_its_value_keeps_to_its_limit(
    retention: float, possible: float, off: float, kl: float, effect: float, top1: float
) -> None:
    found = replace(with_tensor(retention=retention, possible=possible, off=off), kl=kl, effect=effect, top1=top1)
    for one in gates_of(found):
        keeps = one.value is not None and (one.value >= one.limit if one.at == "least" else one.value <= one.limit)
        assert one.passed is keeps


@given(possible=st.floats(0.06, 1.1), factor=st.floats(0.96, 1.04))
def test_little_more_or_less_than_possible_passes(possible: float, factor: float) -> None:
    tensor = CHANGED.model_copy(update={"retention": possible * factor, "possible": possible})
    assert MIN_RETENTION <= kept_of_possible(tensor) <= 1


def test_a_report_of_what_is_no_number_can_be_read_back() -> None:
    found = replace(GOOD, kl=math.nan, top1=math.nan)
    report = MergeReport(
        verdict=verdict_of(gates_of(found)),
        gates=gates_of(found),
        prompts=[],
        tensors=[CHANGED.model_copy(update={"retention": None})],
        untouched=6,
        positions=0,
        top1=math.nan,
        kl=math.nan,
        worst_kl=math.inf,
        effect=0.5,
        max_logit_difference=math.nan,
        reference="base",
    )
    read = MergeReport.model_validate_json(report.model_dump_json())
    assert read == report
    assert read.kl is read.worst_kl is None
