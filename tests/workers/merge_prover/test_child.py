"""The prover as the worker starts it: events on its output, a report in the folder, nothing left when it is stopped."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from finetune_app.jobs.causes import Cause
from finetune_app.merges.report import REPORT_NAME, MergeReport
from finetune_app.merges.states import Verdict
from tests.workers.merge_prover.folders import copy_of, make_merge
from tests.workers.runs import Ended, chat_rows, start_call, wait
from workers.child import run_on_folder
from workers.merge_spec import MERGED_FOLDER


def _prover(folder: Path) -> None:
    from workers.merge_prover.__main__ import main

    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    sys.argv = ["prover", str(folder)]
    run_on_folder(main)


def prove_in_child(folder: Path) -> Ended:
    return wait(start_call(_prover, folder), folder)


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_merge(tmp_path_factory.mktemp("merged"), rows=chat_rows(66))


def test_it_tells_how_far_it_is_and_leaves_the_report(merged: Path, tmp_path: Path) -> None:
    folder = copy_of(merged, tmp_path)
    ended = prove_in_child(folder)
    assert ended.done == {"verdict": "verified", "failed": []}
    progress = [(event.done, event.total) for event in ended.events if event.type == "phase" and event.total]
    assert progress == sorted(progress)
    assert progress[-1][0] == progress[-1][1]
    assert {event.phase for event in ended.events if event.type == "phase"} == {"proving"}
    assert MergeReport.model_validate_json((folder / REPORT_NAME).read_text()).verdict is Verdict.VERIFIED


def test_when_it_is_told_to_stop_nothing_is_left(merged: Path, tmp_path: Path) -> None:
    folder = copy_of(merged, tmp_path)
    before = {path.name for path in folder.iterdir()}
    process = start_call(_prover, folder)
    deadline = time.monotonic() + 60
    while not any(folder.glob("logits-*")) and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.pid
    os.kill(process.pid, signal.SIGTERM)
    ended = wait(process, folder)
    assert ended.code == 143
    assert {path.name for path in folder.iterdir()} == before | {"out", "err"}


def test_without_a_merge_it_says_what_is_missing(merged: Path, tmp_path: Path) -> None:
    folder = copy_of(merged, tmp_path)
    (folder / MERGED_FOLDER).rename(folder / "elsewhere")
    assert prove_in_child(folder).cause == (Cause.FILES_MISSING, f"The run folder has no {MERGED_FOLDER}.")
