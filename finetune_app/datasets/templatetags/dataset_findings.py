"""How many kinds of findings a version has, for its tab on every page."""

from django import template

from finetune_app.datasets.models import DatasetVersion
from finetune_app.datasets.services.look_at_findings import findings_of
from finetune_app.work.states import TaskState

register = template.Library()


@register.simple_tag
def findings_title(version: DatasetVersion) -> str:
    """“Findings”, with the number of codes found once it is known and not 0."""
    task = findings_of(version)
    found = len(task.result["counts"]) if task is not None and task.state == TaskState.SUCCEEDED else 0
    return f"Findings ({found})" if found else "Findings"
