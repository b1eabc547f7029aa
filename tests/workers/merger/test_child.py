"""The merger as a worker starts it: all of it under its name, or nothing; and little memory however large the base."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import DoneEvent, ErrorEvent, PhaseEvent, parse_line
from finetune_app.jobs.states import Phase
from tests.tiny import make_tiny_base, tiny_base
from tests.workers.merger.merge_runs import left_in, make_merge, make_wide_base
from tests.workers.merger.written import contents
from workers.child import ChildFailure, cause_of
from workers.merge_spec import MergeFacts
from workers.merger import blocks
from workers.merger import merge as merging
from workers.merger.merge import merge

WHOLE = {"merged", "merge.json"}
STOPPED = 143
# The real child, to which SIGTERM comes while it makes the third tensor.
STOPPED_INSIDE = """
import os, signal, sys, time
from workers.child import run_on_folder
from workers.merger import merge
from workers.merger.changes import LowRank
made, apply = [], LowRank.apply
def stopped(self, block, start):
    made.append(start)
    if len(made) == 3:
        assert os.path.exists("merged.partial/model.safetensors")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
    return apply(self, block, start)
LowRank.apply = stopped
run_on_folder(merge.merge)
"""


def child(folder: Path, *program: str):
    variables = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, *(program or ("-m", "workers.merger")), str(folder)],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, [parse_line(line) for line in done.stdout.splitlines()], done.stderr


def test_a_merge_appears_under_its_name_with_its_facts_and_progress(tmp_path):
    folder = make_merge(tmp_path / "run")
    code, events, errors = child(folder)
    assert code == 0, errors
    assert isinstance(events[-1], DoneEvent)
    told = [event for event in events if isinstance(event, PhaseEvent)]
    assert list(dict.fromkeys(event.phase for event in told)) == [Phase.PREPARING, Phase.MERGING]
    assert (
        told[-1].done
        == told[-1].total
        == sum(tensor.numel() * 2 for tensor in load_file(tiny_base() / "model.safetensors").values())
    )
    assert left_in(folder) == WHOLE
    facts = MergeFacts.model_validate_json((folder / "merge.json").read_text())
    changes = {tensor.name: tensor.change for tensor in facts.tensors}
    assert changes["model.layers.1.mlp.down_proj.weight"] == "added"
    assert changes["model.layers.1.mlp.up_proj.weight"] == "copied"
    assert facts.used == facts.adapter_tensors == 8
    assert not any(tensor.round_tripped for tensor in facts.tensors)
    before, after = load_file(tiny_base() / "model.safetensors"), load_file(folder / "merged" / "model.safetensors")
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        name for name, change in changes.items() if change == "added"
    }


def test_the_same_order_makes_the_same_bytes_and_running_it_again_starts_anew(tmp_path):
    folder = make_merge(tmp_path / "run")
    merge(folder)
    first = contents(folder / "merged")
    (folder / "merged" / "stray").write_text("x")
    (folder / "merged.partial").mkdir()
    merge(folder)
    assert contents(folder / "merged") == first
    assert left_in(folder) == WHOLE


def test_a_base_that_is_not_the_registered_one_is_not_touched(tmp_path):
    folder = make_merge(tmp_path / "run")
    make_tiny_base(tmp_path / "other", seed=1)
    spec = (folder / "spec.json").read_text()
    (folder / "spec.json").write_text(spec.replace(str(tiny_base()), str(tmp_path / "other")))
    with pytest.raises(ChildFailure, match=r"tiny@1.*its weights differ") as failure:
        merge(folder)
    assert failure.value.cause is Cause.BASE_CHANGED
    assert left_in(folder) == set()


def test_a_stop_leaves_nothing_and_the_next_try_is_whole(tmp_path):
    folder = make_merge(tmp_path / "run")
    code, events, errors = child(folder, "-c", STOPPED_INSIDE)
    assert code == STOPPED, errors
    assert not any(isinstance(event, DoneEvent | ErrorEvent) for event in events)
    assert left_in(folder) == set()
    merge(folder)
    assert left_in(folder) == WHOLE


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    folder = make_merge(tmp_path / "run")
    monkeypatch.setattr(merging.shutil, "disk_usage", lambda path: SimpleNamespace(free=4_000_000))
    with pytest.raises(ChildFailure, match=r"writes 67 MB and 4 MB are free: 63 MB are missing") as failure:
        merge(folder)
    assert failure.value.cause is Cause.DISK_FULL
    assert left_in(folder) == set()


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(tmp_path, monkeypatch):
    folder = make_merge(tmp_path / "run")
    full = os.open("/dev/full", os.O_WRONLY)
    write = blocks.write_from
    monkeypatch.setattr(blocks, "write_from", lambda descriptor, memory, offset: write(full, memory, offset))
    with pytest.raises(OSError, match="No space left") as failure:
        merge(folder)
    os.close(full)
    assert cause_of(failure.value) is Cause.DISK_FULL
    assert left_in(folder) == set()


def test_both_ways_are_written_for_a_qlora_adapter_when_asked(tmp_path):
    how = {"is_quantized": True, "compute_dtype": "bfloat16"}
    folder = make_merge(tmp_path / "run", how=how, onto="quantized", compare_ways=True)
    merge(folder)
    assert left_in(folder) == {*WHOLE, "other"}
    facts = MergeFacts.model_validate_json((folder / "merge.json").read_text())
    assert sum(tensor.round_tripped for tensor in facts.tensors) == 14
    plain = make_merge(tmp_path / "plain", how=how, compare_ways=False)
    merge(plain)
    assert left_in(plain) == WHOLE
    original, onto_original = (contents(place)["model.safetensors"] for place in (plain / "merged", folder / "other"))
    assert original == onto_original
    assert contents(folder / "merged")["model.safetensors"] != original


def test_memory_does_not_grow_with_the_base(tmp_path):
    peaks = []
    for layers in (8, 80):
        base = make_wide_base(tmp_path / "base", layers)
        folder = make_merge(tmp_path / str(layers), base)
        code, events, errors = child(folder)
        assert code == 0, errors
        peaks.append(events[-1].facts["peak_ram_bytes"])
        assert (folder / "merged" / "model.safetensors").stat().st_size > layers * 2**21
        for used in (base, folder / "merged"):
            shutil.rmtree(used)
    assert peaks[1] - peaks[0] < 60 * 10**6
