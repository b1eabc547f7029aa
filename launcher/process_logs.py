"""Where the lines of the processes go: all to `logs/NAME.log`, warnings and errors to the screen as well."""

import logging
import re
from collections import defaultdict, deque
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from typing import Protocol

from honcho.manager import SYSTEM_PRINTER_NAME

from launcher.home import Home

LOG_BYTES = 10_000_000
OLD_LOGS = 2
LAST_LINES = 15
LAUNCHER = "launcher"

# How a line of Django, Celery and uvicorn begins. A line with no level goes on with the record before it.
LEVEL = re.compile(r"^(?:\[[^\]]*[:\s])?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
LOUD = {"WARNING", "ERROR", "CRITICAL"}


class Message(Protocol):
    """What honcho's manager hands its printer."""

    data: bytes | str
    name: str


class ProcessLogs:
    """honcho's printer.

    Args:
        home: where the logs lie.
        on_system_line: called when honcho says that a process started or stopped.
    """

    width = 0  # honcho sets it to the longest name

    def __init__(self, home: Home, on_system_line: Callable[[], None]) -> None:
        self._home = home
        self._on_system_line = on_system_line
        self._files: dict[str, RotatingFileHandler] = {}
        self._last: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LAST_LINES))
        self._loud: defaultdict[str, bool] = defaultdict(bool)
        self.muted = False

    def write(self, message: Message) -> None:
        """Keep the lines, and show those that somebody should see now."""
        data = message.data
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        system = message.name == SYSTEM_PRINTER_NAME
        name = LAUNCHER if system else message.name
        for line in text.splitlines():
            self._file(name).emit(logging.makeLogRecord({"msg": line}))
            if not system:
                self._last[name].append(line)
                self._show(name, line)
        if system:
            self._on_system_line()

    def last_lines(self, name: str) -> list[str]:
        """The newest lines of a process, oldest first."""
        return list(self._last[name])

    def _show(self, name: str, line: str) -> None:
        if found := LEVEL.match(line):
            self._loud[name] = found[1] in LOUD
        if self._loud[name] and not self.muted:
            print(f"{name.ljust(self.width)} | {line}", flush=True)

    def _file(self, name: str) -> RotatingFileHandler:
        if name not in self._files:
            path = self._home.logs / f"{name}.log"
            handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=OLD_LOGS, encoding="utf-8")
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            self._files[name] = handler
        return self._files[name]
