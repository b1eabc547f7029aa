"""Runs until it is told to end or its standard input closes, as a trainer does."""

import time
from pathlib import Path
from typing import Any

from finetune_app.jobs.events import LogEvent
from workers.child import emit, run_on_folder


def wait(folder: Path) -> dict[str, Any]:
    emit(LogEvent(text=f"waiting in {folder.name}"))
    time.sleep(120)
    return {}


if __name__ == "__main__":
    run_on_folder(wait)
