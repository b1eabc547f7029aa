"""The page of the workers, which all workspaces share."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from finetune_app.accounts.access import Access
from finetune_app.accounts.workspace_view import workspace_view
from finetune_app.jobs.fleet_page import WITH_DOCKER, WITHOUT_DOCKER, worker_rows
from finetune_app.jobs.queue_order import queue_of
from finetune_app.web.parts import render_page_or_part


@workspace_view
@require_safe
def worker_list(request: HttpRequest, access: Access) -> HttpResponse:
    """The machines, what they have, and what they run now. htmx gets what changes."""
    rows = worker_rows(access)
    context = {
        "rows": rows,
        "online": sum(row.is_online for row in rows),
        "waiting": queue_of(access.workspace).count(),
        "with_docker": WITH_DOCKER,
        "without_docker": WITHOUT_DOCKER,
    }
    return render_page_or_part(request, "fleet/list.html", "fleet/list.html#workers", context)
