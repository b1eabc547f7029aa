"""What the pages of a dataset version share: their addresses, and what is above each of them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest

from finetune_app.datasets.models import DatasetVersion
from finetune_app.web.links import workspace_url


def version_url(version: DatasetVersion, page: str = "version", **more: int) -> str:
    """The address of one of the version's pages, by the name that `urls.py` gives it."""
    dataset = version.dataset
    return workspace_url(dataset.workspace.slug, f"datasets:{page}", name=dataset.name, number=version.number, **more)


def page_of(version: DatasetVersion, tab: str, **context: Any) -> dict[str, Any]:
    """The context of a page with the version's tabs, `tab` being the one that is open."""
    return {"version": version, "dataset": version.dataset, "tab": tab, **context}


def say_already_here(request: HttpRequest, version: DatasetVersion) -> None:
    """What a person is told whose rows are those of a version that was there before."""
    messages.info(request, f"These rows are already here as {version}; nothing was added.")


def say_kept(request: HttpRequest, version: DatasetVersion, *, is_new: bool) -> None:
    """What a person is told whose files were taken in."""
    if is_new:
        messages.success(request, f"{version} was saved.")
    else:
        say_already_here(request, version)
