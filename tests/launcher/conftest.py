"""The launcher as a program of its own, with a data folder of its own and none of the caller's variables."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.home import Home
from launcher.plan import ROOT

# Of the caller, and of the tests themselves.
VARIABLES = (
    "DJANGO_SETTINGS_MODULE",
    "PORT",
    "HOST",
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "GRAFT_ALLOWED_HOSTS",
    "GRAFT_BASE_URL",
)
SECONDS = 30.0


class Program:
    """A started program whose output goes to a file."""

    def __init__(self, command: list[str], environment: dict[str, str], output: Path) -> None:
        self._output = output
        with output.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, words: str) -> str:
        """All output once `words` are in it."""
        wait_until(lambda: words in self.output or self.process.poll() is not None)
        assert words in self.output, self.output
        return self.output

    def end(self, signal_number: int) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(signal_number)
        return self.process.wait(SECONDS)


def wait_until(condition: Callable[[], bool], *, seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def pids_with(word: str) -> list[int]:
    """The processes of this machine whose environment holds `word`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid() and is_alive(int(folder.name)):
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if word.encode() in environment:
                found.append(int(folder.name))
    return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "data")
    home.make()
    return home


@pytest.fixture
def environment(home: Home) -> dict[str, str]:
    """The variables of a launcher with the data folder `home`."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return kept | {"GRAFT_HOME": str(home.root), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """`start("-m", "launcher", "run", PORT="1")`: a Python program, ended with the test whatever happens."""
    programs: list[Program] = []

    def start_program(*arguments: str, **variables: str) -> Program:
        output = tmp_path / f"output-{len(programs)}.txt"
        programs.append(Program([sys.executable, *arguments], environment | variables, output))
        return programs[-1]

    yield start_program
    for program in programs:
        if program.process.poll() is None:
            program.process.send_signal(signal.SIGKILL)
            program.process.wait()
