"""Whether a process of Graft does its work: `python -m launcher.health web|worker-train|worker-light|beat`.

Exit code 0 says yes. The containers' health checks run it in the container that they ask about.
"""

import http.client
import os
import subprocess
import sys
from http import HTTPStatus

from launcher.plan import CELERY, NODES, ROOT
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


def answers_ping(node: str) -> bool:
    """Whether the Celery node of that name on this machine answers through Redis."""
    # Celery's own names of hosts: `%h` stands for what `os.uname` calls this machine.
    destination = node.replace("%h", os.uname().nodename)
    command = [sys.executable, *CELERY, "inspect", "ping", "--timeout", str(ANSWER_SECONDS)]
    finished = subprocess.run(
        [*command, "--destination", destination], cwd=ROOT, stdout=subprocess.DEVNULL, check=False
    )
    return finished.returncode == 0


def main() -> int:
    """Ask the process that the command line names."""
    name = sys.argv[1]
    if name == "web":
        environment = read_variables()
        return 0 if is_ready(environment.host, environment.port) else 1
    return 0 if answers_ping(NODES[name]) else 1


if __name__ == "__main__":
    sys.exit(main())
