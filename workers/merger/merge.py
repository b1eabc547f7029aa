"""Folds an adapter into its base, in a run folder; see `workers/merge_spec.py`.

`merged/` appears under its name when all of it is written; whatever goes wrong before, nothing is left behind. It is
not forced onto the disk: it is read on this machine before its next start, and what is kept is the storage's own copy.
"""

import shutil
import time
from pathlib import Path
from typing import Any

import torch

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from finetune_app.merges.states import Onto
from workers.base_check import check_base_digests
from workers.child import ChildFailure, emit, stop_waits
from workers.merge_spec import ADAPTER_FOLDER, FACTS_NAME, MERGED_FOLDER, OTHER_FOLDER, MergeFacts, MergeSpec
from workers.merger.config_files import write_side_files
from workers.merger.lean_start import give_back_library_code
from workers.merger.memory import peak_gpu_bytes, peak_ram_bytes
from workers.merger.outgoing import outgoing_of
from workers.merger.plan_plain import plan_plainly
from workers.merger.planned import MergePlan
from workers.merger.round_trip import RoundTrip
from workers.merger.write import Merging, Weights
from workers.progress import Progress

PARTIAL = ".partial"
MARGIN_BYTES = 64 * 1024 * 1024  # for the tokenizer and other small files
MB = 10**6


def merge(folder: Path) -> dict[str, Any]:
    """Write `merged/`, and `other/` where asked for, and what is said of them."""
    began = time.monotonic()
    emit(PhaseEvent(phase=Phase.PREPARING))
    give_back_library_code()
    spec = MergeSpec.load(folder)
    _clean(folder)
    if not spec.base_folder.is_dir():
        raise ChildFailure(Cause.FILES_MISSING, "The run folder has no base model.")
    check_base_digests(spec.base_folder, spec.base_digests, spec.base)
    plan = _plan(spec, folder / ADAPTER_FOLDER)
    give_back_library_code()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        weights = _write(spec, plan, folder, device)
        facts = MergeFacts(
            tensors=[tensor.facts for tensor in weights.tensors],
            adapter_tensors=plan.adapter_tensors,
            used=plan.used,
            device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            seconds=round(time.monotonic() - began, 3),
            peak_ram_bytes=peak_ram_bytes(),
            peak_gpu_bytes=peak_gpu_bytes(),
        )
        (folder / FACTS_NAME).write_text(facts.model_dump_json())
        for name in (OTHER_FOLDER, MERGED_FOLDER):
            if (partial := folder / f"{name}{PARTIAL}").exists():
                partial.rename(folder / name)
    except BaseException:
        with stop_waits():
            _clean(folder)
        raise
    return facts.model_dump(exclude={"tensors"})


def _write(spec: MergeSpec, plan: MergePlan, folder: Path, device: torch.device) -> Weights:
    """Write each way into a folder that is not yet named so; gives the weights of the one that was asked for."""
    dtype = spec.options.dtype
    ways = {
        name: Weights.of(outgoing_of(planned, dtype, round_trips=onto is Onto.QUANTIZED) for planned in plan.tensors)
        for name, onto in _ways(spec).items()
    }
    _check_room(folder, sum(weights.size + MARGIN_BYTES for weights in ways.values()))
    round_trip = RoundTrip(spec) if spec.is_quantized and Onto.QUANTIZED in _ways(spec).values() else None
    progress = Progress(Phase.MERGING, sum(weights.tensor_bytes for weights in ways.values()))
    before = 0
    for name, weights in ways.items():
        partial = folder / f"{name}{PARTIAL}"
        partial.mkdir()
        merging = Merging(weights, partial, device, round_trip=round_trip)
        merging.run(lambda done, before=before: progress.reach(before + done))  # type: ignore[misc]
        before += weights.tensor_bytes
        write_side_files(spec, plan, folder / ADAPTER_FOLDER, partial)
    return ways[MERGED_FOLDER]


def _ways(spec: MergeSpec) -> dict[str, Onto]:
    """What is added to, for each folder."""
    if not spec.is_quantized:
        return {MERGED_FOLDER: Onto.ORIGINAL}
    onto = spec.options.onto
    ways = {MERGED_FOLDER: onto}
    if spec.options.compare_ways:
        ways[OTHER_FOLDER] = Onto.ORIGINAL if onto is Onto.QUANTIZED else Onto.QUANTIZED
    return ways


def _plan(spec: MergeSpec, adapter_folder: Path) -> MergePlan:
    if plan := plan_plainly(spec, adapter_folder):
        return plan
    from workers.merger.plan import plan_merge  # noqa: PLC0415 - brings transformers and peft, and their memory

    return plan_merge(spec, adapter_folder)


def _check_room(folder: Path, needed: int) -> None:
    """Better now than after minutes.

    Raises:
        ChildFailure: DISK_FULL.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        needs, has, lacks = (f"{size / MB:,.0f} MB" for size in (needed, free, needed - free))
        raise ChildFailure(Cause.DISK_FULL, f"The merge writes {needs} and {has} are free: {lacks} are missing.")


def _clean(folder: Path) -> None:
    """Nothing of an earlier try, nor of one that failed."""
    for name in (MERGED_FOLDER, OTHER_FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.rmtree(folder / f"{name}{PARTIAL}", ignore_errors=True)
    (folder / FACTS_NAME).unlink(missing_ok=True)
