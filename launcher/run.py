"""`make run`: checks, prepares, starts everything, prints one address, and stops all of it cleanly."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

from finetune_app.environment import Environment
from launcher.announce import Announcement
from launcher.errors import LaunchError, Stopped
from launcher.home import Home
from launcher.instance import AlreadyRunning, Instance, hold
from launcher.plan import NO_SAMPLE_JOB, ROOT, plan, process_environment
from launcher.ports import check_port, web_address
from launcher.process_logs import LAST_LINES
from launcher.processes import Processes
from launcher.valkey import Valkey, embedded_valkey
from launcher.variables import read_variables

PREPARE_GRACE_SECONDS = 10.0


def run(*, sample_job: bool = True) -> int:
    """Run Graft until somebody stops it; returns the exit code.

    Raises:
        LaunchError: it cannot start.
    """
    began = time.monotonic()
    environment = read_variables()
    home = Home(environment.graft_home)
    home.make()
    try:
        with ExitStack() as stack:
            stack.enter_context(hold(home, host=environment.host, port=environment.port))
            check_port(environment.host, environment.port)
            valkey = None if environment.redis_url else stack.enter_context(embedded_valkey(home))
            variables = process_environment(environment, valkey.url_file if valkey else None)
            _prepare(variables, sample_job=sample_job)
            return _watch(environment, home, variables, valkey, began)
    except AlreadyRunning as error:
        print(f"{error}.", flush=True)
        return _sign_in_again(environment, error.instance)
    except Stopped:
        return 0


def _prepare(variables: dict[str, str], *, sample_job: bool) -> None:
    """Run `launcher/prepare.py`; in a session of its own, so that Ctrl-C ends it by this program and without noise."""
    command = [sys.executable, "-m", "launcher.prepare", *([] if sample_job else [NO_SAMPLE_JOB])]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, start_new_session=True)
    try:
        code = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PREPARE_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    if code:
        raise LaunchError("Graft could not be prepared; the reason is above.", code=max(code, 1))


def _watch(environment: Environment, home: Home, variables: dict[str, str], valkey: Valkey | None, began: float) -> int:
    announcement = Announcement(
        host=environment.host, port=environment.port, environment=variables, home=home, began=began
    )
    processes = Processes(
        plan(environment, home),
        environment=variables,
        home=home,
        on_started=announcement.start,
        on_stop=lambda: print("Stopping; a job that runs goes back into the queue.", flush=True),
        on_death=lambda name, code, lines: print(_obituary(name, code, lines, home), flush=True),
    )
    over = threading.Event()
    if valkey is not None:
        threading.Thread(target=_end_with_valkey, args=(valkey, home, over), daemon=True).start()
    try:
        processes.loop()
    finally:
        redis_died = over.is_set()
        over.set()
        announcement.stop()
    if processes.died or redis_died:
        return 1
    print("Graft has stopped.", flush=True)
    return 0


def _end_with_valkey(valkey: Valkey, home: Home, over: threading.Event) -> None:
    """End all when Valkey ends before `over` is set; then it is this that sets it."""
    code = valkey.process.wait()
    if over.is_set():
        return
    over.set()
    lines = (home.logs / "redis.log").read_text(errors="replace").splitlines()[-LAST_LINES:]
    print(_obituary("redis", code, lines, home), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


def _obituary(name: str, code: int, lines: list[str], home: Home) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with exit code {code}"
    told = "".join(f"\n  {line}" for line in lines)
    return f"{name} {how}, so Graft stops. Its last lines:{told}\nAll of them: {home.logs}/{name}.log"


def _sign_in_again(environment: Environment, instance: Instance) -> int:
    """A new sign-in address for the Graft that runs already."""
    variables = process_environment(environment, None) | {"HOST": instance.host, "PORT": str(instance.port)}
    variables.setdefault("GRAFT_BASE_URL", web_address(instance.host, instance.port))
    link = [sys.executable, "manage.py", "sign_in_link"]
    return subprocess.run(link, cwd=ROOT, env=variables, check=False).returncode
