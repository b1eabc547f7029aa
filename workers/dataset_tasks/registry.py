"""All kinds of dataset tasks."""

from finetune_app.datasets.task_states import TaskKind
from workers.dataset_tasks.program import TaskProgram

PROGRAMS: dict[TaskKind, TaskProgram] = {}
