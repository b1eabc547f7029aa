"""`python -m workers.row_importer RUN_FOLDER`: reads `import_spec.json`, leaves `report.json` or `refusal.json`.

Files that are not here yet it fetches first, and leaves `fetched.json`.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from finetune_app.datasets.checking import Checked, NamedFile, take_in
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.errors import UserError
from finetune_app.jobs.events import PhaseEvent
from finetune_app.jobs.states import Phase
from workers.child import emit, run_program, stop_if_asked
from workers.dataset_tasks.import_spec import (
    ROWS_NAME,
    ImportSpec,
    write_fetched,
    write_refusal,
    write_report,
)
from workers.row_importer.fetch import fetch


def main() -> dict[str, Any]:
    """Fetch and read the files; the fact is whether they can be a version."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit("usage: python -m workers.row_importer RUN_FOLDER")
    run_folder = Path(sys.argv[1]).resolve()
    spec = ImportSpec.load(run_folder)
    try:
        files = spec.files or _fetch(spec, run_folder)
        checked = _read(files, spec, run_folder)
    except UserError as refusal:
        write_refusal(run_folder, refusal)
        return {"accepted": False}
    if checked.path:
        checked.path.rename(run_folder / ROWS_NAME)
    write_report(run_folder, checked.report)
    return {"accepted": True}


def _fetch(spec: ImportSpec, run_folder: Path) -> list[tuple[Path, str]]:
    if spec.fetch is None:
        raise SystemExit("there is nothing to read and nothing to fetch")
    fetched = fetch(spec.fetch, run_folder, limit=spec.fetch_limit)
    write_fetched(run_folder, fetched)
    return [(run_folder / file.path, file.file_name) for file in fetched.files]


def _read(files: Sequence[tuple[Path, str]], spec: ImportSpec, run_folder: Path) -> Checked:
    total = sum(path.stat().st_size for path, _ in files)
    with ExitStack() as stack:
        opened = [stack.enter_context(path.open("rb")) for path, _ in files]
        return take_in(
            [NamedFile(name, file) for (_, name), file in zip(files, opened, strict=True)],
            run_folder,
            HowToRead(spec.form, spec.columns),
            leave_out_bad_rows=spec.leave_out_bad_rows,
            limit=spec.limit,
            on_rows=lambda _: _tell(opened, total),
        )


def _tell(files: Sequence[BinaryIO], total: int) -> None:
    """How many bytes of the files are read; those of files to come count when their turn comes."""
    emit(PhaseEvent(phase=Phase.READING, done=min(total, sum(file.tell() for file in files)), total=total))
    stop_if_asked()


run_program(main, reaches_hub=True)
