"""Addresses of a workspace's pages, for redirects."""

from django.urls import reverse


def workspace_url(workspace: str, view: str, **kwargs: str | int) -> str:
    """The address of the page `view` (e.g. `datasets:version`) in the workspace with this slug."""
    return reverse(view, kwargs={"workspace": workspace, **kwargs})
