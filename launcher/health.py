"""Whether a process of Graft does its work: `python -m launcher.health web|worker-train|worker-light|beat`.

Exit code 0 says yes. The containers' health checks run it in the container that they ask about.
"""

import http.client
import json
import os
import subprocess
import sys
from http import HTTPStatus
from typing import Any

from launcher.home import Home
from launcher.plan import CELERY, ROOT, plan, planned_for
from launcher.ports import reachable
from launcher.variables import read_variables

ANSWER_SECONDS = 5


def is_ready(host: str, port: int) -> bool:
    """Whether `/health/ready` says so. Asks under a name that the web process answers to."""
    allowed = os.environ.get("GRAFT_ALLOWED_HOSTS", "").split(",")[0].lstrip(".")
    headers = {"Host": allowed} if allowed and allowed != "*" else {}
    connection = http.client.HTTPConnection(reachable(host), port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/ready", headers=headers)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def answer_ping(nodes: list[str]) -> bool:
    """Whether all Celery nodes of these names on this machine answer through Redis."""
    # Celery's own names of hosts: `%h` stands for what `os.uname` calls this machine.
    names = {node.replace("%h", os.uname().nodename) for node in nodes}
    command = [sys.executable, *CELERY, "inspect", "ping", "--json", "--timeout", str(ANSWER_SECONDS)]
    finished = subprocess.run(
        [*command, "--destination", ",".join(sorted(names))], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    if finished.returncode:
        return False
    answers: dict[str, Any] = json.loads(finished.stdout)
    return names <= answers.keys()


def main() -> int:
    """Ask the process that the command line names."""
    name = sys.argv[1]
    environment = read_variables()
    if name == "web":
        return 0 if is_ready(environment.host, environment.port) else 1
    processes = planned_for(name, plan(environment, Home(environment.graft_home)))
    return 0 if processes and answer_ping([process.node for process in processes]) else 1


if __name__ == "__main__":
    sys.exit(main())
