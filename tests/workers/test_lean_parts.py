"""The parts of the lean path, each against the plain computation that it stands for."""

import copy
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, linear, scaled_dot_product_attention
from transformers import AutoModelForCausalLM

from finetune_app.jobs.methods.sft import SFTOptions
from tests.tiny import tiny_base
from workers.encoding import MASKED
from workers.loading import Device, LoadedBase
from workers.trainer.lean import head_loss as head_loss_module
from workers.trainer.lean.attention import flat_attention
from workers.trainer.lean.batch import FlatCollator, split_flat
from workers.trainer.lean.head_loss import head_loss, head_scores
from workers.trainer.lean.masters import MasterAdamW
from workers.trainer.lean.trainer import why_not_lean

rows = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=6).map(
        lambda row: {
            "input_ids": [token for token, _ in row],
            "labels": [token if learned and place else MASKED for place, (token, learned) in enumerate(row)],
        }
    ),
    min_size=1,
    max_size=6,
)


def learned_by_row(row: dict[str, list[int]]) -> list[tuple[int, int]]:
    """(position, next token) of every learned token of one row."""
    return [(place - 1, label) for place, label in enumerate(row["labels"]) if label != MASKED]


@given(rows)
@settings(deadline=None)
def test_a_flat_batch_asks_for_exactly_the_learned_tokens_of_each_row(features: list[dict[str, list[int]]]) -> None:
    batch = FlatCollator()(features)
    starts = list(itertools.accumulate((len(row["input_ids"]) for row in features), initial=0))
    expected = [
        (start + place, token)
        for start, row in zip(starts, features, strict=False)
        for place, token in learned_by_row(row)
    ]
    assert list(zip(batch["kept"].tolist(), batch["labels"].tolist(), strict=True)) == expected
    assert batch["cu_seq_lens_q"].tolist() == starts
    assert batch["input_ids"][0].tolist() == [token for row in features for token in row["input_ids"]]
    assert batch["position_ids"][0].tolist() == [place for row in features for place in range(len(row["input_ids"]))]
    assert batch["max_length_q"] == max(len(row["input_ids"]) for row in features)


@given(rows)
@settings(deadline=None)
def test_a_pack_is_the_same_batch_as_its_rows(features: list[dict[str, list[int]]]) -> None:
    pack = {
        "input_ids": [token for row in features for token in row["input_ids"]],
        "labels": [label for row in features for label in row["labels"]],
        "seq_lengths": [len(row["input_ids"]) for row in features],
    }
    apart, packed = FlatCollator()(features), FlatCollator()([pack])
    assert apart.keys() == packed.keys()
    assert all(torch.equal(torch.as_tensor(apart[key]), torch.as_tensor(packed[key])) for key in apart)


@given(rows)
@settings(deadline=None)
def test_the_halves_of_a_batch_are_those_of_its_rows(features: list[dict[str, list[int]]]) -> None:
    parts = split_flat(FlatCollator()(features))
    assert len(parts) == min(2, len(features))
    counts = [len(part["cu_seq_lens_q"]) - 1 for part in parts]
    edges = list(itertools.accumulate(counts, initial=0))
    for part, (start, end) in zip(parts, itertools.pairwise(edges), strict=True):
        expected = FlatCollator()(features[start:end])
        assert all(torch.equal(torch.as_tensor(part[key]), torch.as_tensor(expected[key])) for key in expected)


@pytest.mark.parametrize("window", [None, 2])
def test_attention_keeps_rows_apart_and_takes_fewer_key_heads(window: int | None) -> None:
    torch.manual_seed(0)
    lengths, heads, key_heads, size = [3, 1, 4], 4, 2, 8
    query, key, value = (torch.randn(1, count, sum(lengths), size) for count in (heads, key_heads, key_heads))
    starts = list(itertools.accumulate(lengths, initial=0))
    found, _ = flat_attention(
        torch.nn.Module(), query, key, value, None, scaling=0.3, sliding_window=window,
        cu_seq_lens_q=torch.tensor(starts, dtype=torch.int32), max_length_q=4,
    )  # fmt: skip
    place = torch.arange(sum(lengths))
    row = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    distance = place[:, None] - place
    mask = (row[:, None] == row) & (distance >= 0) & (distance < (window or 99))
    wanted = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.3, enable_gqa=True)
    assert torch.allclose(found, wanted.transpose(1, 2), atol=1e-6)


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("with_bias", [False, True])
def test_loss_and_gradient_of_the_head_in_pieces(piece: int, with_bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(20, 6, dtype=torch.float32, requires_grad=True)
    weight, targets = torch.randn(11, 6), torch.randint(0, 11, (20,))
    bias = torch.randn(11) if with_bias else None
    monkeypatch.setattr(head_loss_module, "PIECE_BYTES", piece * 4 * 11)
    (head_loss(hidden, weight, bias, targets) / 3).backward()
    found, hidden.grad = hidden.grad, None
    logits = linear(hidden, weight, bias)
    wanted = cross_entropy(logits, targets, reduction="sum")
    (wanted / 3).backward()
    assert torch.allclose(found, hidden.grad, atol=1e-6)
    total, correct = head_scores(hidden, weight, bias, targets)
    assert total.item() == pytest.approx(wanted.item(), rel=1e-6)
    assert correct.item() == (logits.argmax(-1) == targets).sum().item()


def test_steps_that_bfloat16_would_lose_add_up_and_survive_a_checkpoint() -> None:
    weight = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    plain = torch.nn.Parameter(torch.ones(4))
    master = MasterAdamW([{"params": [weight]}], lr=1e-4, weight_decay=0.0)
    exact = torch.optim.AdamW([plain], lr=1e-4, weight_decay=0.0)
    for step in range(60):
        weight.grad, plain.grad = torch.ones(4, dtype=torch.bfloat16), torch.ones(4)
        master.step()
        exact.step()
        master.zero_grad()
        exact.zero_grad()
        if step == 20:
            kept = copy.deepcopy(master.state_dict())
            weight = torch.nn.Parameter(torch.zeros(4, dtype=torch.bfloat16))
            master = MasterAdamW([{"params": [weight]}], lr=1.0, weight_decay=0.0)
            master.load_state_dict(kept)
    assert torch.equal(weight, plain.to(torch.bfloat16))
    assert weight[0].item() != 1.0  # one such step alone is below bfloat16's resolution


@pytest.fixture(scope="module")
def base() -> LoadedBase:
    """The tiny base as a run without quantization loads it."""
    model = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    return LoadedBase(model, None, Device("cpu", "CPU", torch.float32, None), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, ""),
        ({"use_dora": True, "use_rslora": True, "rank_pattern": {"q_proj": 4}}, ""),
        ({"target_modules": ["q_proj", "lm_head"]}, "the head is trained"),
        ({"modules_to_save": ["lm_head"]}, "modules or tokens are trained in full"),
        ({"trainable_token_indices": [1]}, "modules or tokens are trained in full"),
        ({"optim": "adafactor"}, "the optimizer keeps no float32 copies"),
    ],
)
def test_the_lean_way_is_left_where_it_would_learn_something_else(base, options, reason) -> None:
    assert why_not_lean(base, SFTOptions(quantization="none", **options)) == reason


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"final_logit_softcapping": 30.0}, "the architecture changes its logits"),
        ({"router_aux_loss_coef": 0.01}, "a loss of its own balances the experts"),
        ({"layer_types": ["full_attention", "linear_attention"]}, "some layers carry a state from row to row"),
    ],
)
def test_an_architecture_that_it_cannot_compute_takes_the_plain_way(base, setting, reason, monkeypatch) -> None:
    for name, value in setting.items():
        monkeypatch.setattr(base.model.config, name, value, raising=False)
    assert why_not_lean(base, SFTOptions(quantization="none")) == reason
