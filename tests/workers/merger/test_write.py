"""What the merger writes: the right numbers, rounded once, the same bytes each time, and nothing else touched."""

import pytest
import torch
from safetensors.torch import load_file

from finetune_app.merges.states import WeightsDtype
from tests.workers.merger.written import Plus, contents, made_base, written
from workers.merger import blocks
from workers.merger.planned import Planned
from workers.merger.reading import read_tensor


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Blocks of a few rows, so that small tensors have many."""
    monkeypatch.setitem(blocks.BLOCK_VALUES, "cpu", 100)
    monkeypatch.setattr(blocks, "COPY_BYTES", 64)


def random(*shape, dtype=torch.bfloat16, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def test_a_change_is_added_in_float32_and_rounded_once(tmp_path):
    base, small = random(37, 24), random(37, 24, dtype=torch.float32, seed=1) * 1e-3
    stored = made_base(tmp_path / "base", {"w": base})
    change = Plus(small)
    written(tmp_path / "merged", [Planned("w", (37, 24), stored["w"], change)])
    found = load_file(tmp_path / "merged" / "model.safetensors")["w"]
    assert torch.equal(found, (base.float() + small).to(torch.bfloat16))
    assert change.seen == [(start, min(start + 4, 37)) for start in range(0, 37, 4)]


def test_a_change_that_needs_the_whole_tensor_gets_it(tmp_path):
    stored = made_base(tmp_path / "base", {"w": random(37, 24)})
    change = Plus(torch.ones(37, 24), by_rows=False)
    written(tmp_path / "merged", [Planned("w", (37, 24), stored["w"], change)])
    assert change.seen == [(0, 37)]


@pytest.mark.parametrize("wanted", list(WeightsDtype))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_every_dtype_becomes_every_dtype_as_torch_casts_it(tmp_path, dtype, wanted):
    values = random(50, 7, dtype=dtype)
    values[0, 0], values[0, 1], values[1, 0] = float("inf"), -0.0, 65_520.0
    stored = made_base(tmp_path / "base", {"w": values})
    written(tmp_path / "merged", [Planned("w", (50, 7), stored["w"])], wanted)
    found = load_file(tmp_path / "merged" / "model.safetensors")["w"]
    assert found.dtype == getattr(torch, wanted)
    assert torch.equal(found, values.to(getattr(torch, wanted)))


def test_untouched_tensors_keep_their_bytes_those_that_are_no_numbers_too(tmp_path):
    values = random(50, 7)
    values[3, 3] = float("nan")
    tensors = {"w": values, "positions": torch.arange(9), "mask": torch.tensor([True, False, True])}
    stored = made_base(tmp_path / "base", tensors)
    planned = [Planned(name, tuple(tensor.shape), stored[name]) for name, tensor in tensors.items()]
    after = written(tmp_path / "merged", planned)
    for name, before in stored.items():
        assert after[name].dtype == before.dtype
        assert (
            after[name].path.read_bytes()[after[name].start : after[name].end]
            == (before.path.read_bytes()[before.start : before.end])
        )


def test_a_value_takes_the_place_of_a_tensor_and_may_be_larger(tmp_path):
    stored = made_base(tmp_path / "base", {"w": random(4, 6)})
    value, new = random(9, 6, dtype=torch.float32, seed=2), random(3, dtype=torch.float32, seed=3)
    written(tmp_path / "merged", [Planned("w", (9, 6), stored["w"], value=value), Planned("new", (3,), value=new)])
    found = load_file(tmp_path / "merged" / "model.safetensors")
    assert torch.equal(found["w"], value.to(torch.bfloat16))
    assert torch.equal(found["new"], new.to(torch.bfloat16))


def test_odd_shapes_single_numbers_and_empty_tensors_are_read_by_safetensors(tmp_path):
    tensors = {
        "mask": torch.tensor([True, False, True]),
        "single": torch.tensor(2.5, dtype=torch.float32),
        "whole": torch.tensor(7),
        "empty": torch.empty(0, 5, dtype=torch.bfloat16),
        "no columns": torch.empty(5, 0, dtype=torch.float32),
        "stack": random(3, 5, 7, dtype=torch.float32),
        "long": random(257, dtype=torch.float16),
    }
    tensors = {name.replace(" ", "_"): tensor for name, tensor in tensors.items()}
    stored = made_base(tmp_path / "base", tensors)
    for wanted in WeightsDtype:
        target = tmp_path / wanted
        written(target, [Planned(name, tuple(one.shape), stored[name]) for name, one in tensors.items()], wanted)
        found = load_file(target / "model.safetensors")
        assert found.keys() == tensors.keys()
        for name, tensor in tensors.items():
            expected = tensor.to(getattr(torch, wanted)) if tensor.is_floating_point() else tensor
            assert found[name].shape == tensor.shape
            assert torch.equal(found[name], expected)


def test_the_bytes_are_the_same_again_and_with_any_number_of_threads(tmp_path):
    tensors = {f"w{number}": random(40, 30, seed=number) for number in range(12)}
    stored = made_base(tmp_path / "base", tensors)
    delta = random(40, 30, dtype=torch.float32, seed=99)
    results = []
    for number, threads in enumerate((1, 1, 2, 7)):
        planned = [Planned(name, (40, 30), stored[name], Plus(delta) if name > "w3" else None) for name in tensors]
        written(tmp_path / str(number), planned, threads=threads)
        results.append(contents(tmp_path / str(number)))
    assert results[0] == results[1] == results[2] == results[3]


def test_what_is_copied_without_the_kernels_help_is_the_same(tmp_path, monkeypatch):
    stored = made_base(tmp_path / "base", {"w": random(300, 7)})

    def refuse(*arguments):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(blocks.os, "copy_file_range", refuse)
    monkeypatch.setattr(blocks, "THROUGH_MEMORY_BYTES", 50)
    after = written(tmp_path / "merged", [Planned("w", (300, 7), stored["w"])])
    assert torch.equal(read_tensor(after["w"]), read_tensor(stored["w"]))


class Broken(Plus):
    def apply(self, block, start):
        raise ArithmeticError(f"no sum of {len(block)} rows from {start}")


def test_when_one_thread_fails_all_end_and_the_reason_is_told(tmp_path):
    names = [f"w{number:02}" for number in range(60)]
    stored = made_base(tmp_path / "base", {name: random(40, 30) for name in names})
    changes = {name: (Broken if name == "w05" else Plus)(torch.zeros(40, 30)) for name in names}
    with pytest.raises(ArithmeticError, match="no sum of 3 rows from 0"):
        written(
            tmp_path / "merged", [Planned(name, (40, 30), stored[name], changes[name]) for name in names], threads=2
        )
    assert changes["w00"].seen
    assert not changes["w59"].seen


def test_a_base_that_became_shorter_meanwhile_is_no_merge(tmp_path):
    stored = made_base(tmp_path / "base", {"a": random(40, 30), "b": random(40, 30)})
    with (tmp_path / "base" / "model.safetensors").open("r+b") as file:
        file.truncate(stored["b"].start + 10)
    for change in (None, Plus(torch.zeros(40, 30))):
        target = tmp_path / f"merged {change is None}"
        with pytest.raises(EOFError):
            written(target, [Planned(name, (40, 30), stored[name], change) for name in stored])
