"""Where the client keeps what has to outlast it: who a person is, and how far their uploads are."""

import os
from pathlib import Path

FOLDER_VARIABLE = "GRAFT_CONFIG_DIR"


def app_folder() -> Path:
    """The person's own folder for Graft, as their system wants it; `GRAFT_CONFIG_DIR` names another."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    import typer  # noqa: PLC0415 - a tenth of a second, for who needs the folder only

    return Path(typer.get_app_dir("graft"))


def write_private(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
