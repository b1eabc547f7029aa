"""The three steps from rows to an adapter, and which of them the workspace has taken."""

from dataclasses import dataclass

from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.accounts.models import Role
from finetune_app.jobs.models import Job
from finetune_app.web.links import workspace_url

SAMPLE_DATASET = "support-messages"  # what `manage.py prepare_demo` uploads, and queues a first job on


@dataclass(frozen=True)
class Step:
    """One step; `url` is "" when there is nothing to press yet."""

    title: str
    text: str
    done: bool
    url: str = ""
    action: str = ""


@dataclass(frozen=True)
class Guide:
    """The steps in order."""

    steps: tuple[Step, Step, Step]

    @property
    def next(self) -> Step | None:
        """The first step that is not done; None when all are."""
        return next((step for step in self.steps if not step.done), None)


def make_guide(
    access: Access, *, datasets: int, newest_job: Job | None, newest_version: AdapterVersion | None
) -> Guide:
    """The guide for this workspace; a viewer reads it without the buttons that need an editor."""
    return Guide(
        (_upload(access, datasets), _set_up(access, newest_job), _download(access, newest_job, newest_version))
    )


def _upload(access: Access, datasets: int) -> Step:
    text = "A JSONL or JSON file: one question and its answer in each row."
    if datasets:
        text = "Rows are here already. Bring your own whenever you like."
    return _for_editors(access, Step("Upload a dataset", text, bool(datasets), "datasets:new", "Upload"))


def _set_up(access: Access, job: Job | None) -> Step:
    text = "Pick a base model and a preset. Every option explains itself."
    if job is not None and job.is_open:
        text = f"Job {job.number} trains “{job.adapter_name}” on {job.dataset_version}. Watch it live, line by line."
        if job.dataset_version.dataset.name == SAMPLE_DATASET:
            text = (
                f"A sample, job {job.number}, is under way: a small model learns to turn a support message into one "
                "line of JSON. Watch it, then set up your own."
            )
        url = workspace_url(access.workspace.slug, "jobs:detail", number=job.number)
        return Step("Set up a job", text, True, url, "Watch")
    return _for_editors(access, Step("Set up a job", text, job is not None, "jobs:new", "New job"))


def _download(access: Access, job: Job | None, version: AdapterVersion | None) -> Step:
    title = "Download the adapter"
    if version is None:
        text = "The job makes it. It loads with plain PEFT, on exactly the base it was trained on."
        if job is not None and job.is_open:
            text = f"Job {job.number} makes it: the button comes here by itself."
        return Step(title, text, False)
    url = workspace_url(access.workspace.slug, "adapters:download", name=version.adapter.name, number=version.number)
    return Step(title, f"{version} is ready. It loads with plain PeftModel.from_pretrained.", True, url, "Download")


def _for_editors(access: Access, step: Step) -> Step:
    if not access.may(Role.EDITOR):
        return Step(step.title, step.text, step.done)
    return Step(step.title, step.text, step.done, workspace_url(access.workspace.slug, step.url), step.action)
