"""Stands for a worker: has a warm process and two children of it, says who they are, and waits to be killed."""

import sys
import time
from pathlib import Path

from workers import start_program
from workers.warm.start import WarmParent

WAITING = "tests.workers.programs.waiting"

if __name__ == "__main__":
    start_program.warm_parent = WarmParent(frozenset({WAITING}), "tests.workers.programs.light_preload")
    start_program.warm_parent.warm_up()
    assert start_program.warm_parent.is_ready(30)
    children = [start_program.start_program(WAITING, Path(sys.argv[1])) for _ in range(2)]
    for child in children:
        assert child.stdout
        child.stdout.readline()
    print(start_program.warm_parent.pid, *(child.pid for child in children), flush=True)
    time.sleep(120)
