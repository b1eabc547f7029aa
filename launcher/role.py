"""One process of Graft by itself: `python -m launcher.role web|worker-train|worker-light|beat`.

For containers and for machines that run only workers: something else watches over it, and Redis, database and storage
are elsewhere. It becomes that process, so signals and exit codes are the process's own. Where a machine has several
GPUs, `worker-train` is several processes, and this one watches over them (`group.py`).
"""

import os
import sys
from typing import NoReturn

from launcher.errors import LaunchError
from launcher.group import run_group
from launcher.home import Home
from launcher.plan import ROOT, TRAIN, plan, planned_for, process_environment
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
    processes = plan(environment, home)
    chosen = planned_for(sys.argv[1], processes) if len(sys.argv) == 2 else []  # noqa: PLR2004
    if not chosen:
        names = dict.fromkeys(["web", TRAIN, *(process.name for process in processes)])
        print(f"Usage: python -m launcher.role {'|'.join(names)}", file=sys.stderr)
        sys.exit(2)
    os.chdir(ROOT)
    variables = process_environment(environment, None)
    if len(chosen) > 1:
        sys.exit(run_group(chosen, variables))
    [process] = chosen
    os.execve(sys.executable, [sys.executable, *process.command], variables | process.variables)  # noqa: S606


if __name__ == "__main__":
    main()
