"""`python -m workers.row_importer RUN_FOLDER`: reads `import_spec.json`, leaves `report.json` or `refusal.json`.

Files that are not here yet it fetches first, and leaves `fetched.json`.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from finetune_app.datasets.checking import Checked, NamedFile, take_in
from finetune_app.datasets.how_to_read import HowToRead
from finetune_app.errors import UserError
from finetune_app.jobs.states import Phase
from workers.child import run_on_folder
from workers.dataset_tasks.import_spec import ROWS_NAME, ImportSpec, write_fetched
from workers.dataset_tasks.report_files import write_refusal, write_report
from workers.progress import Progress
from workers.row_importer.fetch import fetch


def import_files(run_folder: Path) -> dict[str, Any]:
    """Fetch and read the files; the fact is whether they can be a version."""
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
    progress = Progress(Phase.READING, sum(path.stat().st_size for path, _ in files))
    with ExitStack() as stack:
        opened = [stack.enter_context(path.open("rb")) for path, _ in files]
        return take_in(
            [NamedFile(name, file) for (_, name), file in zip(files, opened, strict=True)],
            run_folder,
            HowToRead(spec.form, spec.columns),
            leave_out_bad_rows=spec.leave_out_bad_rows,
            limit=spec.limit,
            # Those of files to come count when their turn comes.
            on_rows=lambda _: progress.reach(min(progress.total, sum(file.tell() for file in opened))),
        )


run_on_folder(import_files, reaches_hub=True)
