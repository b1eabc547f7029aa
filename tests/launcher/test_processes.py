"""The processes run together and end together."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.home import Home
from tests.launcher.conftest import Program, is_alive, wait_until

STAY = "import os, time; open('{file}', 'w').write(str(os.getpid())); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, lambda *_: time.sleep({seconds}) or exit()); "


class Family:
    """Two programs that stay until they are told to end."""

    def __init__(self, start: Callable[..., Program], home: Home, folder: Path, *more: str) -> None:
        self._files = [folder / "one.pid", folder / "two.pid"]
        one, two = (STAY.format(file=file) for file in self._files)
        self.program = start("-m", "tests.launcher.driver", str(home.root), f"one={one}", f"two={two}", *more)

    @property
    def pids(self) -> list[int]:
        wait_until(lambda: all(file.exists() and file.read_text() for file in self._files))
        return [int(file.read_text()) for file in self._files]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_without_noise(
    start: Callable[..., Program], home: Home, tmp_path: Path, number: int
) -> None:
    family = Family(start, home, tmp_path)
    family.program.wait_for("all started")
    pids = family.pids
    assert family.program.end(number) == 0
    assert not [pid for pid in pids if is_alive(pid)]
    assert family.program.output == "all started\nstopping\n"


def test_a_signal_that_comes_at_once_ends_all_processes_too(
    start: Callable[..., Program], home: Home, tmp_path: Path
) -> None:
    family = Family(start, home, tmp_path)
    wait_until(lambda: "driver" in Path(f"/proc/{family.program.process.pid}/cmdline").read_text())
    log = home.logs / "launcher.log"
    wait_until(log.exists)  # the first “started” is written, others may not be
    assert family.program.end(signal.SIGTERM) == 0
    assert "Traceback" not in family.program.output


def test_a_process_that_dies_takes_the_rest_down_and_is_named_with_its_last_words(
    start: Callable[..., Program], home: Home, tmp_path: Path
) -> None:
    dying = "dying=import time; time.sleep(0.5); print('no space left'); exit(3)"
    family = Family(start, home, tmp_path, dying)
    assert family.program.process.wait(20) == 1
    assert "death of dying, code 3, said ['no space left']" in family.program.output
    assert not [pid for pid in family.pids if is_alive(pid)]


def test_a_process_that_ends_with_code_0_counts_as_dead_as_well(
    start: Callable[..., Program], home: Home, tmp_path: Path
) -> None:
    family = Family(start, home, tmp_path, "short=import time; time.sleep(0.5)")
    assert family.program.process.wait(20) == 1
    assert "death of short, code 0" in family.program.output


def test_a_process_gets_more_than_five_seconds_to_end(start: Callable[..., Program], home: Home) -> None:
    code = "import time; " + STUBBORN.format(seconds=7) + "print('INFO ready', flush=True); time.sleep(600)"
    slow = start("-m", "tests.launcher.driver", str(home.root), f"slow={code}", "quick=import time; time.sleep(600)")
    slow.wait_for("all started")
    wait_until((home.logs / "slow.log").exists)
    began = time.monotonic()
    assert slow.end(signal.SIGINT) == 0
    assert 7 <= time.monotonic() - began < 15
    assert "SIGKILL" not in (home.logs / "launcher.log").read_text()


def test_a_launcher_that_is_killed_leaves_nothing_behind(
    start: Callable[..., Program], home: Home, tmp_path: Path
) -> None:
    family = Family(start, home, tmp_path)
    family.program.wait_for("all started")
    pids = family.pids
    family.program.end(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_warnings_are_shown_and_everything_is_logged(start: Callable[..., Program], home: Home) -> None:
    lines = ["INFO one", "WARNING two", "  and its second line", "[2030-01-01 00:00:00,000: INFO/MainProcess] three"]
    code = f"import time; print(*{lines}, sep=chr(10), flush=True); time.sleep(600)"
    program = start("-m", "tests.launcher.driver", str(home.root), f"talker={code}")
    program.wait_for("second line")
    wait_until(lambda: "three" in (home.logs / "talker.log").read_text())
    assert program.end(signal.SIGTERM) == 0
    assert "talker | WARNING two\ntalker |   and its second line\n" in program.output
    assert "one" not in program.output
    assert "three" not in program.output
    assert [line in (home.logs / "talker.log").read_text() for line in lines] == [True] * 4
