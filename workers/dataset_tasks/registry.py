"""All that a light worker does for datasets: the kinds of tasks, and imports."""

from typing import Any

from finetune_app.datasets.models import DatasetImport, DatasetTask
from finetune_app.datasets.services.run_task import Work
from finetune_app.datasets.task_states import TaskKind
from workers.dataset_tasks.derive import DERIVE
from workers.dataset_tasks.diff import DIFF
from workers.dataset_tasks.export import EXPORT
from workers.dataset_tasks.findings import FINDINGS
from workers.dataset_tasks.import_files import IMPORT
from workers.dataset_tasks.index import INDEX
from workers.dataset_tasks.preview import PREVIEW
from workers.dataset_tasks.program import TaskProgram
from workers.dataset_tasks.tokens import TOKENS

PROGRAMS: dict[TaskKind, TaskProgram[DatasetTask]] = {
    TaskKind.INDEX: INDEX,
    TaskKind.FINDINGS: FINDINGS,
    TaskKind.TOKENS: TOKENS,
    TaskKind.PREVIEW: PREVIEW,
    TaskKind.DERIVE: DERIVE,
    TaskKind.DIFF: DIFF,
    TaskKind.EXPORT: EXPORT,
}


def program_of(work: Work) -> TaskProgram[Any]:
    """The program that does it."""
    return IMPORT if isinstance(work, DatasetImport) else PROGRAMS[TaskKind(work.kind)]
