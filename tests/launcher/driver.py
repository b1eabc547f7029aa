"""Runs small programs in place of Graft's own: `python -m tests.launcher.driver HOME NAME=CODE…`, CODE is Python."""

import sys
from pathlib import Path

from launcher.home import Home
from launcher.plan import Planned, process_environment
from launcher.processes import Processes
from launcher.variables import read_variables


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    home = Home(Path(sys.argv[1]))
    planned = [Planned(name, ["-c", code]) for name, _, code in (argument.partition("=") for argument in sys.argv[2:])]
    processes = Processes(
        planned,
        environment=process_environment(read_variables(), None),
        home=home,
        on_started=lambda: say("all started"),
        on_stop=lambda: say("stopping"),
        on_death=lambda name, code, lines: say(f"death of {name}, code {code}, said {lines}"),
    )
    processes.loop()
    return 1 if processes.died else 0


if __name__ == "__main__":
    sys.exit(main())
