"""Runs the planned processes together, by honcho: one that ends takes the rest down, and a signal ends all.

honcho does the watching; here is only what Graft needs beside it: a longer time to end in (a training run hands its
job back), a signal that comes while processes are still starting, and who died first.
"""

import signal
import time
from collections.abc import Callable

from honcho.manager import Manager

from launcher.home import Home
from launcher.lifeline import tie_forks
from launcher.plan import ROOT, Planned
from launcher.process_logs import ProcessLogs

GRACE_SECONDS = 20.0


class Processes(Manager):  # type: ignore[misc]  # honcho has no types
    """All processes of one start.

    Args:
        planned: what to run; nothing starts before `loop`.
        environment: the variables of each process.
        home: where the logs go.
        on_started: called once, when all of them run.
        on_stop: called once, when somebody asked all of them to end.
        on_death: called with name, exit code and last lines of the first process that ends by itself.
    """

    def __init__(
        self,
        planned: list[Planned],
        *,
        environment: dict[str, str],
        home: Home,
        on_started: Callable[[], None],
        on_stop: Callable[[], None],
        on_death: Callable[[str, int, list[str]], None],
    ) -> None:
        self._logs = ProcessLogs(home, self._something_changed)
        super().__init__(printer=self._logs)
        self._on_started = on_started
        self._on_stop = on_stop
        self._on_death = on_death
        self._announced = False
        self._stop_wanted = False
        self._stopping_since: float | None = None
        self.died = False
        for process in planned:
            self.add_process(process.name, process.shell, env=environment | process.variables, cwd=str(ROOT))

    def loop(self) -> None:
        """Run until all processes have ended."""
        tie_forks()
        super().loop()

    def terminate(self) -> None:
        """Ask every process to end. Called by honcho when one of them has ended, and on SIGINT and SIGTERM."""
        self._stop_wanted = True
        if not self._all_started() or self._stopping_since is not None:
            return  # honcho cannot signal a process that it does not know the id of yet; see `_something_changed`
        self._stopping_since = time.monotonic()
        self._logs.muted = True
        asked_to = self.returncode in {128 + signal.SIGINT, 128 + signal.SIGTERM}
        ended = [(name, state["returncode"]) for name, state in self._processes.items() if "returncode" in state]
        if asked_to:
            self._on_stop()
        elif ended:
            self.died = True
            name, code = ended[0]
            self._on_death(name, code, self._logs.last_lines(name))
        super().terminate()

    def kill(self) -> None:
        """End what is still there, once it has had its time: honcho asks for this after five seconds."""
        if self._stopping_since is not None and time.monotonic() - self._stopping_since > GRACE_SECONDS:
            super().kill()

    def _something_changed(self) -> None:
        if self._stop_wanted:
            self.terminate()
        elif not self._announced and self._all_started():
            self._announced = True
            self._on_started()
