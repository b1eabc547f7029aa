"""What every child program shares: one JSON line per event, every failure an event with its cause, and a quiet stop.

A child's standard output carries events and nothing else: whatever a library prints goes to standard error. It ends
with exit code 0 after a `DoneEvent`, 1 after an `ErrorEvent`, 143 when it was told to stop. With GRAFT_SUPERVISED=1 it
also ends when its standard input closes, because then nobody is left who could stop it.
"""

import errno
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pydantic import ValidationError

from finetune_app.errors import UserError
from finetune_app.jobs.causes import SENTENCES, Cause
from finetune_app.jobs.events import DoneEvent, ErrorEvent, Event, LogEvent, event_line
from workers.ranks import LOCAL_RANK, is_main, world_size
from workers.spec import RunSpec

SUPERVISED = "GRAFT_SUPERVISED"
FAILED, STOPPED = 1, 128 + signal.SIGTERM
OTHERS_SECONDS = 3.0  # within which the end of another process of the run is known
DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT}
OUT_OF_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
DISK_FULL_WORDS = ("no space left on device", "disk quota exceeded")

# Read by the libraries when they are imported, which a child does inside its body.
OFFLINE = {"HF_HUB_OFFLINE": "1"}
LIBRARY_SETTINGS = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin long while they wait take the processor from those that they wait for: with the default, a step
    # takes up to ten times as long while the machine is also busy with something else.
    "GOMP_SPINCOUNT": "5000",
}

_line_lock = threading.Lock()
_events_fd: int | None = None
_stop_asked = threading.Event()
_stop_waits = threading.Event()


class ChildFailure(Exception):
    """The child found out why it cannot go on: `cause` is shown to people, `detail` says what exactly happened."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(detail or SENTENCES[cause])
        self.cause = cause
        self.detail = detail


def emit(event: Event) -> None:
    """Write one event as one line; the child ends at once when nobody reads any more.

    Of the processes of one run the first tells everything, the others only why they fail.
    """
    is_failure = isinstance(event, ErrorEvent) or (isinstance(event, LogEvent) and event.level == "error")
    if not (is_main() or is_failure):
        return
    line = f"{event_line(event)}\n"
    with _line_lock:
        if _events_fd is None:  # not started as a child: a test, or a person with a Python prompt
            sys.stdout.write(line)
            sys.stdout.flush()
            return
        content = line.encode()
        try:
            while content:
                content = content[os.write(_events_fd, content) :]
        except BrokenPipeError:
            os._exit(STOPPED)


def log(text: str, *, level: str = "info") -> None:
    """A line for people; several lines become several events. `level` is info, warning or error."""
    for line in text.splitlines():
        emit(LogEvent.model_validate({"level": level, "text": line}))


def stop_if_asked() -> None:
    """End with exit code 143 when SIGTERM came and some library swallowed the exit that it raised."""
    if _stop_asked.is_set():
        raise SystemExit(STOPPED)


def is_stop_asked() -> bool:
    """Whether SIGTERM came."""
    return _stop_asked.is_set()


@contextmanager
def stop_waits() -> Iterator[None]:
    """Within this block SIGTERM ends nothing by itself: the body looks whether a stop was asked, where it can end."""
    _stop_waits.set()
    try:
        yield
    finally:
        _stop_waits.clear()


def run_child(main: Callable[[Path, RunSpec], dict[str, Any]]) -> NoReturn:
    """Run `main(run_folder, spec)` for the run folder on the command line; what it returns are the done facts."""
    run_on_folder(lambda run_folder: main(run_folder, _load_spec(run_folder)))


def run_on_folder(main: Callable[[Path], dict[str, Any]], *, reaches_hub: bool = False) -> NoReturn:
    """Run `main(run_folder)` for the run folder on the command line; what it returns are the done facts.

    What a person could mend are rows here: the version's file is no longer what was checked.
    """

    def body() -> dict[str, Any]:
        if len(sys.argv) != 2:  # noqa: PLR2004
            raise SystemExit(f"usage: python -m {sys.argv[0]} RUN_FOLDER")
        try:
            return main(Path(sys.argv[1]).resolve())
        except UserError as error:
            raise ChildFailure(Cause.BAD_ROWS, error.message) from error

    run_program(body, reaches_hub=reaches_hub)


def run_program(body: Callable[[], dict[str, Any]], *, reaches_hub: bool = False) -> NoReturn:
    """Run `body` with events on standard output; end the process with the exit code that tells how it went.

    Only a program that `reaches_hub` lets its libraries ask the Hugging Face hub.
    """
    _take_over_streams()
    set_up_libraries({} if reaches_hub else OFFLINE)
    _use_one_gpu()
    signal.signal(signal.SIGTERM, _on_sigterm)
    if os.environ.get(SUPERVISED) == "1":
        threading.Thread(target=_end_with_parent, name="stdin", daemon=True).start()
    code = 0
    try:
        emit(DoneEvent(facts=body()))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else FAILED
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        code = FAILED
        _emit_failure(error)
    sys.stderr.flush()
    # Native threads of the libraries can crash while the interpreter is taken apart; everything is written by now.
    os._exit(code)


def cause_of(error: BaseException) -> Cause:
    """The cause that people are shown for an exception that no `ChildFailure` explains."""
    text = str(error).lower()
    if isinstance(error, OSError) and error.errno in DISK_FULL_ERRORS:
        return Cause.DISK_FULL
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Cause.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return Cause.OUT_OF_MEMORY
    # torch and safetensors report what the system told them as plain RuntimeErrors
    if any(words in text for words in OUT_OF_MEMORY_WORDS):
        return Cause.OUT_OF_MEMORY
    if any(words in text for words in DISK_FULL_WORDS):
        return Cause.DISK_FULL
    return Cause.CRASHED


def _emit_failure(error: BaseException) -> None:
    chain = chain_of(error)
    known = next((link for link in chain if isinstance(link, ChildFailure)), None)
    if known:
        emit(ErrorEvent(code=known.cause, detail=known.detail))
        return
    cause = next((cause for link in chain if (cause := cause_of(link)) is not Cause.CRASHED), Cause.CRASHED)
    if cause is Cause.CRASHED and world_size() > 1 and _another_failed():
        return  # this process only lost its partner
    log("".join(traceback.format_exception(error)), level="error")
    emit(ErrorEvent(code=cause, detail=f"{type(error).__name__}: {error}"))


def _another_failed() -> bool:
    """Whether this process of a run is told to end because another one failed before it."""
    with stop_waits():
        return _stop_asked.wait(OTHERS_SECONDS)


def chain_of(error: BaseException) -> list[BaseException]:
    """The exception and those that led to it: libraries wrap what happens inside their loops."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) and before not in chain:
        chain.append(before)
    return chain


def _load_spec(run_folder: Path) -> RunSpec:
    try:
        spec = RunSpec.load(run_folder)
    except FileNotFoundError as error:
        raise ChildFailure(Cause.FILES_MISSING, f"The run folder has no {Path(error.filename).name}.") from error
    except ValidationError as error:
        raise ChildFailure(Cause.CRASHED, f"spec.json is not a run's order: {error}") from error
    for path in (spec.base_folder, spec.rows_file):
        if not path.exists():
            raise ChildFailure(Cause.FILES_MISSING, f"The run folder has no {path.name}.")
    return spec


def _take_over_streams() -> None:
    """Keep the real standard output for events; let file descriptor 1 and `print` write to standard error."""
    global _events_fd  # noqa: PLW0603 - one process has one standard output
    sys.stdout.flush()
    _events_fd = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr


def set_up_libraries(settings: dict[str, str]) -> None:
    """What libraries tell their developers is not for the log of a run."""
    for name, value in (LIBRARY_SETTINGS | settings).items():
        os.environ[name] = os.environ.get(name) or value
    warnings.simplefilter("ignore", FutureWarning)
    # It looks for a package of other CPU kernels, which Graft does not use, and warns that it is not there.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)


def _use_one_gpu() -> None:
    """A run of one process sees the first GPU only: trl refuses to start when it sees more."""
    if LOCAL_RANK not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    _stop_asked.set()
    if not _stop_waits.is_set():
        raise SystemExit(STOPPED)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(STOPPED)
