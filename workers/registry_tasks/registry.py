"""The program of each kind of work for the registry."""

from adapters.models import RegistryTask
from adapters.states import RegistryTaskKind
from workers.registry_tasks.combine import COMBINE
from workers.registry_tasks.deltas import DELTAS
from workers.task_program import TaskProgram

PROGRAMS: dict[RegistryTaskKind, TaskProgram[RegistryTask]] = {
    RegistryTaskKind.COMBINE: COMBINE,
    RegistryTaskKind.DELTAS: DELTAS,
}


def registry_program(task: RegistryTask) -> TaskProgram[RegistryTask]:
    """The program of the task's kind."""
    return PROGRAMS[RegistryTaskKind(task.kind)]
