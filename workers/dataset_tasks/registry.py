"""The program of each kind of dataset task."""

from finetune_app.datasets.models import DatasetTask
from finetune_app.datasets.task_states import TaskKind
from workers.dataset_tasks.derive import DERIVE
from workers.dataset_tasks.diff import DIFF
from workers.dataset_tasks.export import EXPORT
from workers.dataset_tasks.findings import FINDINGS
from workers.dataset_tasks.index import INDEX
from workers.dataset_tasks.preview import PREVIEW
from workers.dataset_tasks.tokens import TOKENS
from workers.task_program import TaskProgram

PROGRAMS: dict[TaskKind, TaskProgram[DatasetTask]] = {
    TaskKind.INDEX: INDEX,
    TaskKind.FINDINGS: FINDINGS,
    TaskKind.TOKENS: TOKENS,
    TaskKind.PREVIEW: PREVIEW,
    TaskKind.DERIVE: DERIVE,
    TaskKind.DIFF: DIFF,
    TaskKind.EXPORT: EXPORT,
}


def dataset_program(task: DatasetTask) -> TaskProgram[DatasetTask]:
    """The program of the task's kind."""
    return PROGRAMS[TaskKind(task.kind)]
