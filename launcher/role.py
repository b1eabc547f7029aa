"""One process of Graft by itself: `python -m launcher.role web|worker-train|worker-light|beat`.

For containers and for machines that run only workers: something else watches over it, and Redis, database and storage
are elsewhere. It becomes that process, so signals and exit codes are the process's own.
"""

import os
import sys
from typing import NoReturn

from launcher.errors import LaunchError
from launcher.home import Home
from launcher.plan import ROOT, plan, process_environment
from launcher.variables import read_variables


def main() -> NoReturn:
    """Become the process that the command line names; returns only when it cannot."""
    try:
        environment = read_variables()
        home = Home(environment.graft_home)
        home.make()
    except LaunchError as error:
        print(error, file=sys.stderr)
        sys.exit(error.code)
    commands = {planned.name: planned.command for planned in plan(environment, home)}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:  # noqa: PLR2004
        print(f"Usage: python -m launcher.role {'|'.join(commands)}", file=sys.stderr)
        sys.exit(2)
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, *commands[sys.argv[1]]], process_environment(environment, None))  # noqa: S606


if __name__ == "__main__":
    main()
