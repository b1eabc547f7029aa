"""The REST API: its routers, who may call it, and how errors look.

Every error is JSON `{"code", "message", "field"?, "details"?}`; `code` is stable.
"""

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from adapters.adapter_imports_api import router as adapter_imports_router
from adapters.alias_api import router as aliases_router
from adapters.api import adapters_router
from adapters.base_api import router as base_models_router
from adapters.base_imports_api import router as base_imports_router
from adapters.combine_api import router as combinations_router
from adapters.download_api import router as downloads_router
from adapters.link_api import link_keys_router
from adapters.link_api import router as links_router
from finetune_app.accounts.hub_token_api import router as hub_token_router
from finetune_app.accounts.limits_api import router as limits_router
from finetune_app.accounts.token_auth import TokenAuth, not_authenticated
from finetune_app.accounts.whoami_api import router as whoami_router
from finetune_app.comparison.api import router as comparison_router
from finetune_app.datasets.api import router as datasets_router
from finetune_app.datasets.findings_api import router as findings_router
from finetune_app.datasets.imports_api import router as imports_router
from finetune_app.datasets.rows_api import router as rows_router
from finetune_app.datasets.versions_api import router as versions_router
from finetune_app.errors import UserError
from finetune_app.housekeeping import delete_api  # noqa: F401 - its operations join the routers of adapters and bases
from finetune_app.housekeeping.api import router as housekeeping_router
from finetune_app.inspection.api import router as inspection_router
from finetune_app.jobs.api import router as jobs_router
from finetune_app.jobs.fleet_api import router as workers_router
from finetune_app.jobs.queue_api import router as queue_router
from finetune_app.merges.api import router as merges_router
from finetune_app.merges.download_api import router as merge_downloads_router
from finetune_app.merges.export_api import router as exports_router
from finetune_app.upgrades.api import router as upgrades_router
from finetune_app.web.api_docs import ApiDocs
from finetune_app.web.body_parser import BodyParser

log = logging.getLogger(__name__)

api = NinjaAPI(
    title="Graft",
    version="1",
    urls_namespace="api",
    auth=TokenAuth(),
    openapi_url="/openapi.json",
    docs_url="/docs",
    docs=ApiDocs(),
    parser=BodyParser(),
    description="Datasets, jobs and adapters of one workspace. Send `Authorization: Bearer <token>`.",
)
api.add_router("/datasets", datasets_router, tags=["datasets"])
api.add_router("/datasets", versions_router, tags=["datasets"])
api.add_router("/datasets", rows_router, tags=["datasets"])
api.add_router("/datasets", findings_router, tags=["datasets"])
api.add_router("/datasets", inspection_router, tags=["datasets"])
api.add_router("/imports", imports_router, tags=["datasets"])
# First: it stands in the place of a name.
api.add_router("/base-models/imports", base_imports_router, tags=["base models"])
api.add_router("/base-models", base_models_router, tags=["base models"])
api.add_router("/base-models", upgrades_router, tags=["base models"])
api.add_router("/jobs", jobs_router, tags=["jobs"])
api.add_router("/jobs", queue_router, tags=["jobs"])
api.add_router("/hub-token", hub_token_router, tags=["workspace"])
api.add_router("/limits", limits_router, tags=["workspace"])
api.add_router("/housekeeping", housekeeping_router, tags=["workspace"])
api.add_router("/whoami", whoami_router, tags=["workspace"])
api.add_router("/workers", workers_router, tags=["workers"])
api.add_router("/adapters/imports", adapter_imports_router, tags=["adapters"])
api.add_router("/adapters/combinations", combinations_router, tags=["adapters"])
api.add_router("/adapters", comparison_router, tags=["adapters"])
api.add_router("/adapters", adapters_router, tags=["adapters"])
api.add_router("/adapters", aliases_router, tags=["adapters"])
api.add_router("/adapters", downloads_router, tags=["adapters"])
api.add_router("/adapters", links_router, tags=["adapters"])
api.add_router("/adapters", merges_router, tags=["merged models"])
api.add_router("/adapters", merge_downloads_router, tags=["merged models"])
api.add_router("/adapters", exports_router, tags=["merged models"])
api.add_router("/links", link_keys_router, tags=["adapters"])


@api.exception_handler(UserError)
def user_error(request: HttpRequest, error: UserError) -> HttpResponse:
    """Something the caller can mend."""
    return api.create_response(request, error.as_json(), status=error.status)


@api.exception_handler(AuthenticationError)
def no_token(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """No token, or one that does not exist or was revoked."""
    response = user_error(request, not_authenticated())
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def invalid_request(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A body, form or query of the wrong shape: one entry in `details` for each field."""
    details = [
        {"field": _field(item["loc"]), "message": str(item["msg"]).removeprefix("Value error, ")}
        for item in error.errors
    ]
    body: dict[str, Any] = {
        "code": "invalid_fields",
        "message": f"{details[0]['field']}: {details[0]['message']}",
        "field": details[0]["field"],
        "details": details,
    }
    return api.create_response(request, body, status=422)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What django-ninja itself refuses, e.g. a body that is not JSON; the parser's own words where it has some."""
    if isinstance(error.__cause__, UserError):
        return user_error(request, error.__cause__)
    return api.create_response(request, {"code": "bad_request", "message": str(error)}, status=error.status_code)


def _field(location: tuple[str | int, ...]) -> str:
    """`("body", "payload", "config", "r")` → `config.r`, `("query", "filters", "status", …)` → `status`.

    First comes the part of the request, then the argument that takes a whole body or query. Pydantic's own names for
    the members of a union have brackets.
    """
    names = [str(part) for part in location[1:] if "[" not in str(part)]
    is_of_list = location[0] == "query" and len(names) > 1 and names[1].isdigit()
    takes_all = location[0] in {"body", "query"} and not is_of_list
    return ".".join(names[1:] if takes_all and len(names) > 1 else names)
