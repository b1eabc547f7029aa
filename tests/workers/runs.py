"""Run folders for the tiny base, and the real child programs run on them.

Importing the training stack takes seconds, so a fork server imports it once and each run is a fork of it: a process of
its own, with its own streams, signals and exit code, as the supervisor starts one.
"""

import importlib
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from adapters.fingerprint import fingerprint
from finetune_app.datasets.formats import FileFormat, RowForm
from finetune_app.jobs.causes import Cause
from finetune_app.jobs.events import EvaluationEvent, Event, PlanEvent, StepEvent, parse_line
from finetune_app.jobs.methods import load_config
from tests.tiny import tiny_base
from workers.child import run_child, run_program
from workers.spec import SPEC_NAME, BaseDigests, RunSpec

TRAINER, EVALUATOR = "workers.trainer.__main__", "workers.evaluator.__main__"
LONGEST_SECONDS = 120
# Few, short and strong steps: a run of the tiny base takes about two seconds.
OPTIONS: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.0,
    "target_modules": "all-linear",
    "learning_rate": 0.01,
    "lr_scheduler_type": "constant",
    "max_steps": 12,
    "max_length": 128,
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
}
COLOURS = ("blue", "green", "red", "grey")
THINGS = ("sky", "grass", "rose", "stone")

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.workers.preload"])


def chat_rows(count: int = 24) -> list[dict[str, Any]]:
    """Questions about colours, every sixth held out."""
    return [
        {
            "messages": [
                {"role": "system", "content": "Answer in one word."},
                {"role": "user", "content": f"What is the colour of the {THINGS[i % 4]} number {i}?"},
                {"role": "assistant", "content": COLOURS[i % 4]},
            ],
            "split": "held_out" if i % 6 == 5 else "train",
        }
        for i in range(count)
    ]


def preference_rows(count: int = 24) -> list[dict[str, Any]]:
    """The same questions, each with the right and a wrong answer."""
    return [
        {
            "prompt": row["messages"][:-1],
            "chosen": row["messages"][-1:],
            "rejected": [{"role": "assistant", "content": COLOURS[(i + 1) % 4]}],
            "split": row["split"],
        }
        for i, row in enumerate(chat_rows(count))
    ]


def marked_rows(count: int = 24) -> list[dict[str, Any]]:
    """The same questions, half of them with a wrong answer that is marked so."""
    return [
        {
            "prompt": row["messages"][:-1],
            "completion": [{"role": "assistant", "content": COLOURS[(i + i // 2 % 2) % 4]}],
            "label": i // 2 % 2 == 0,
            "split": row["split"],
        }
        for i, row in enumerate(chat_rows(count))
    ]


def make_run(
    folder: Path,
    rows: Iterable[Mapping[str, Any]] | None = None,
    *,
    base: Path | None = None,
    row_form: RowForm = RowForm.CHAT,
    bad_rows: Iterable[int] = (),
    digests: Mapping[str, str] | None = None,
    **options: Any,
) -> Path:
    """A run folder for the tiny base; `options` change `OPTIONS`, `digests` the registered ones."""
    folder.mkdir(parents=True, exist_ok=True)
    base = base or tiny_base()
    facts = fingerprint(base)
    registered = {name: getattr(facts, name) for name in BaseDigests.model_fields} | dict(digests or {})
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows or chat_rows()))
    spec = RunSpec(
        job="1",
        adapter_name="colours",
        base_name="tiny",
        base_folder=base,
        base_digests=BaseDigests(**registered),
        rows_file=Path("rows.jsonl"),
        file_format=FileFormat.JSONL,
        row_form=row_form,
        bad_rows=list(bad_rows),
        config=load_config(OPTIONS | options),
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())
    return folder


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, its events and what it wrote to standard error."""

    code: int
    events: list[Event]
    stderr: str

    @property
    def steps(self) -> list[StepEvent]:
        return [event for event in self.events if event.type == "step"]

    @property
    def plan(self) -> dict[str, Any]:
        return next(event for event in self.events if isinstance(event, PlanEvent)).facts

    @property
    def done(self) -> dict[str, Any]:
        assert self.events[-1].type == "done", (self.events[-1], self.stderr)
        assert self.code == 0
        return self.events[-1].facts

    @property
    def cause(self) -> tuple[Cause, str]:
        """The cause and what exactly happened, of a run that failed."""
        assert self.events[-1].type == "error", (self.events[-1], self.stderr)
        assert self.code == 1
        return self.events[-1].code, self.events[-1].detail

    @property
    def scores(self) -> EvaluationEvent:
        return next(event for event in self.events if isinstance(event, EvaluationEvent))

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if event.type == "log"]


def start_call(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a function of a module in a fork that has the training stack at hand."""
    process = _server.Process(target=target, args=arguments)
    process.start()
    return process


def wait_call(process: BaseProcess) -> None:
    """Wait for its end, which must be a good one."""
    process.join(LONGEST_SECONDS)
    assert process.exitcode == 0, process.exitcode


def start(module: str, folder: Path) -> BaseProcess:
    """Start the child program on the run folder; its streams become `out` and `err` in there."""
    process = _server.Process(target=_child, args=(module, folder))
    process.start()
    return process


def wait(process: BaseProcess, folder: Path) -> Ended:
    """Wait for its end."""
    process.join(LONGEST_SECONDS)
    assert process.exitcode is not None, "The child does not end."
    events = [parse_line(line) for line in (folder / "out").read_text().splitlines()]
    return Ended(process.exitcode, events, (folder / "err").read_text())


def run(module: str, folder: Path) -> Ended:
    """Start it and wait for its end."""
    return wait(start(module, folder), folder)


def train(folder: Path, rows: Iterable[Mapping[str, Any]] | None = None, **options: Any) -> Ended:
    """Make a run folder and train in it."""
    return run(TRAINER, make_run(folder, rows, **options))


def convert(folder: Path, gguf: Path, out: Path) -> Ended:
    """Run the conversion of a GGUF; its streams become `out` and `err` in `folder`."""
    process = _server.Process(target=_convert, args=(folder, gguf, out))
    process.start()
    return wait(process, folder)


def _child(module: str, folder: Path) -> None:
    _take_streams(folder)
    sys.argv = [module, str(folder)]
    run_child(importlib.import_module(module).main)


def _convert(folder: Path, gguf: Path, out: Path) -> None:
    _take_streams(folder)
    sys.argv = ["convert", str(gguf), str(out)]
    run_program(importlib.import_module("workers.demo.convert").main)


def _take_streams(folder: Path) -> None:
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
