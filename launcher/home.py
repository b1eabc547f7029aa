"""The folders under `GRAFT_HOME` that the launcher uses."""

import os
from dataclasses import dataclass
from pathlib import Path

from launcher.errors import LaunchError


@dataclass(frozen=True)
class Home:
    """`GRAFT_HOME`: all data of one machine that is not in a database or storage elsewhere."""

    root: Path

    @property
    def run(self) -> Path:
        """What only matters while Graft runs; for its owner alone, because secrets lie there."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """`NAME.log` of each process."""
        return self.root / "logs"

    @property
    def tmp(self) -> Path:
        """Files that exist only while a request or a run needs them."""
        return self.root / "tmp"

    def make(self) -> None:
        """Make the folders.

        Raises:
            LaunchError: this user may not write there.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.run.mkdir(mode=0o700, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            self.tmp.mkdir(exist_ok=True)
            self.run.chmod(0o700)
        except OSError as error:
            raise LaunchError(f"GRAFT_HOME: cannot use {self.root}: {error.strerror}.") from None
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise LaunchError(f"GRAFT_HOME: cannot write to {self.root}: Permission denied.")

    def write_secret(self, name: str, content: str) -> Path:
        """Write a file in `run` that only its owner can read."""
        path = self.run / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        return path
