"""Adapters over REST: list, find, look, describe; `download_api.py` has their bytes, `alias_api.py` their aliases."""

from typing import Annotated

from django.db import transaction
from django.db.models import QuerySet
from ninja import Query, Router

from adapters.access import adapters_of, get_adapter, get_adapter_version, versions_of
from adapters.downloads import archive_name, listed_files
from adapters.labels import Label
from adapters.listing import adapter_rows, version_rows, with_lineage
from adapters.models import Adapter, AdapterVersion
from adapters.schemas import (
    AdapterDetailOut,
    AdapterOut,
    AdaptersOut,
    FileOut,
    VersionChangeIn,
    VersionDetailOut,
    VersionOut,
    VersionsOut,
)
from adapters.services.describe_version import dismiss_flag, set_notes, set_tags
from adapters.services.retire_version import restore_version, retire_version
from adapters.states import VersionStatus
from adapters.version_filters import VersionFilters
from adapters.version_search import MAX_OFFSET, find_versions
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut, Limit, Offset

adapters_router = Router()

VERSION = "/{name}/versions/{label:number}"


@adapters_router.get("", response=AdaptersOut, summary="List adapters")
def list_adapters(request: ApiRequest, q: str = "", limit: Limit = 50, offset: Offset = 0) -> AdaptersOut:
    """Adapters of the workspace by their newest version, by name; `q` narrows them to names that contain it."""
    found: QuerySet[Adapter] = adapters_of(request.auth).filter(name__icontains=q)
    rows = adapter_rows(found[offset : offset + limit])
    return AdaptersOut(items=[AdapterOut.of(row) for row in rows], count=found.count())


@adapters_router.get("/versions", response={200: VersionsOut, 422: ErrorOut}, summary="Find adapter versions")
def list_versions(
    request: ApiRequest,
    filters: Annotated[VersionFilters, Query()],
    limit: Limit = 50,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> VersionsOut:
    """Versions of all adapters of the workspace. What is left out does not narrow; retired ones only when asked for."""
    found = find_versions(request.auth, filters, offset=offset, limit=limit)
    return VersionsOut(items=[VersionOut.of(row) for row in found.rows], next_offset=found.next_offset)


@adapters_router.get("/{name}", response={200: AdapterDetailOut, 404: ErrorOut}, summary="One adapter")
def show_adapter(request: ApiRequest, name: str, limit: Limit = 50) -> AdapterDetailOut:
    """An adapter and its newest versions, retired ones too; `GET /adapters/versions?adapter=…` has all of them."""
    adapter = get_adapter(request.auth, name)
    versions = with_lineage(versions_of(adapter))
    return AdapterDetailOut.of(adapter, version_rows(versions[:limit], with_marks=True))


@adapters_router.get(
    VERSION, response={200: VersionDetailOut, 404: ErrorOut}, url_name="adapter_version", summary="One adapter version"
)
def show_version(request: ApiRequest, name: str, number: Label) -> VersionDetailOut:
    """The manifest (files, base digests, lineage) and where to download everything."""
    return _shown(get_adapter_version(request.auth, name, number))


@adapters_router.patch(
    VERSION,
    response={200: VersionDetailOut, 403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut},
    summary="Describe or retire an adapter version",
)
def change_version(request: ApiRequest, name: str, number: Label, payload: VersionChangeIn) -> VersionDetailOut:
    """Its notes and tags, whether it is in use, and that somebody looked at it: all of the change or nothing."""
    version = get_adapter_version(request.auth, name, number)
    with transaction.atomic():
        if payload.notes is not None:
            set_notes(request.auth, version, payload.notes)
        if payload.tags is not None:
            set_tags(request.auth, version, payload.tags)
        if payload.status == VersionStatus.RETIRED:
            retire_version(request.auth, version, reason=payload.reason)
        elif payload.status is not None:
            restore_version(request.auth, version)
        if payload.flag is not None:
            dismiss_flag(request.auth, version, version.flag)
    return _shown(get_adapter_version(request.auth, name, version.number))


def _shown(version: AdapterVersion) -> VersionDetailOut:
    files = [FileOut(path=file.path, size=file.size, sha256=file.sha256) for file in listed_files(version)]
    archive = FileOut(path=archive_name(version), size=version.archive_size, sha256=version.archive_sha256)
    return VersionDetailOut.of(version, files, archive)
