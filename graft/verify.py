"""Check a folder with an adapter version against its manifest, without any server.

The check itself is the registry's own (`adapters/verify.py`), so that everybody is told the same.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from graft.errors import GraftError
from graft.types import Json, Progress, no_progress

if TYPE_CHECKING:
    from adapters.verify import Report


def verify_folder(folder: Path, *, manifest_sha256: str = "", progress: Progress = no_progress) -> "Report":
    """Compare every file with what `manifest.json` and `SHA256SUMS` say; see `is_whole` and `differences`.

    Args:
        folder: what `pull` made, or an unpacked download.
        manifest_sha256: what the manifest itself must have, as the version's page shows it; "" does not ask.
        progress: told how far it is.

    Raises:
        GraftError: `not_a_version`: there is nothing to compare with.
    """
    from adapters import verify  # noqa: PLC0415 - pydantic takes a fifth of a second, for who checks only
    from finetune_app.errors import UserError  # noqa: PLC0415

    try:
        return verify.verify_folder(
            folder,
            manifest_sha256=manifest_sha256,
            on_progress=lambda done, total: progress(folder.name, done, total),
        )
    except UserError as error:
        raise GraftError.of(error.as_json()) from None


def report_json(report: "Report") -> Json:
    """What was found, for programs."""
    return {"ok": report.is_whole} | asdict(report)
