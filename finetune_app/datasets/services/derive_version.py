"""Ask for a new version made out of the rows of others. A worker makes it: `workers/dataset_tasks/derive.py`."""

from collections.abc import Iterable

from django.db import transaction

from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.datasets.access import find_version
from finetune_app.datasets.derivation import Derivation, DeriveParams, DropRows, Parent
from finetune_app.datasets.models import DatasetTask, DatasetVersion
from finetune_app.datasets.services.request_task import find_task, request_task
from finetune_app.datasets.task_states import TaskKind
from finetune_app.errors import UserError
from finetune_app.names import check_name
from finetune_app.storage import blobs
from finetune_app.work.states import TaskState


def derive_version(access: Access, version: DatasetVersion, derivation: Derivation) -> DatasetTask:
    """The task that makes the version; asking for the same again gives the same task.

    Its result has `dataset`, `version`, `sha256`, `counts` and `is_new` (False when these rows were a version
    already).

    Args:
        access: of an editor.
        version: the one whose rows are taken, reached by the caller.
        derivation: the steps.

    Raises:
        UserError: `not_allowed`, `invalid_name`, `no_steps`, or something is wrong with `also` or `drop_rows`.
    """
    access.require(Role.EDITOR)
    into = check_name(derivation.into, field="into") if derivation.into else version.dataset.name
    if not derivation.has_steps and into == version.dataset.name:
        raise UserError("no_steps", "Without a step this would be the same version. Choose at least one.")
    parents = [version, *(_also(access, version, reference) for reference in derivation.also)]
    if sum(parent.rows for parent in parents) >= 2**32:
        raise UserError("too_many_rows", "Together these have more rows than a version can hold.", field="also")
    steps = derivation.model_copy(
        update={
            "into": None,
            "also": [str(parent) for parent in parents[1:]],
            "drop_rows": _stored(derivation.drop_rows) if derivation.drop_rows else None,
        }
    )
    params = DeriveParams(
        into=into,
        parents=[Parent(reference=str(parent), sha256=parent.sha256) for parent in parents],
        steps=steps,
    ).model_dump(mode="json", exclude_none=True)
    with transaction.atomic():
        _forget_if_deleted(version, params)
        return request_task(version, TaskKind.DERIVE, params, user=access.user)


def derived_version(task: DatasetTask) -> DatasetVersion | None:
    """What a task that succeeded made, unless it was deleted since; `task.version` is reached by the caller."""
    made = task.result
    found = DatasetVersion.objects.filter(
        dataset__workspace_id=task.version.dataset.workspace_id,
        dataset__name=made.get("dataset"),
        number=made.get("version"),
    )
    if "sha256" in made:  # names and numbers are given again after a deletion; older results have nothing else
        found = found.filter(sha256=made["sha256"])
    return found.first()


def store_row_numbers(numbers: Iterable[int]) -> str:
    """Keep the list that a `DropRows` names, one number on each line: the SHA-256 it is found by."""
    return blobs.put_bytes("".join(f"{number}\n" for number in numbers).encode()).sha256


def _also(access: Access, version: DatasetVersion, reference: str) -> DatasetVersion:
    found = find_version(access, reference, field="also")
    if found.row_form != version.row_form:
        raise UserError(
            "other_form",
            f"{found} has rows of the form “{found.row_form}”, {version} of the form “{version.row_form}”. "
            "Choose versions of one form.",
            field="also",
        )
    return found


def _stored(step: DropRows) -> DropRows:
    """The step with its row numbers kept as a blob, so that a task's params stay small."""
    if step.sha256 is not None:
        if not blobs.exists(step.sha256):
            raise UserError(
                "drop_rows_not_found", "There is no list of row numbers with this SHA-256.", field="drop_rows"
            )
        return step
    return step.model_copy(update={"rows": [], "sha256": store_row_numbers(sorted(set(step.rows)))})


def _forget_if_deleted(version: DatasetVersion, params: dict[str, object]) -> None:
    """What was made and then deleted is made anew."""
    task = find_task(version, TaskKind.DERIVE, params)
    if task is not None and task.state == TaskState.SUCCEEDED and derived_version(task) is None:
        task.delete()
