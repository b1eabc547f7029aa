"""Makes, opens and revokes the links of `signed_links.py`."""

from datetime import timedelta

from django.contrib.auth import get_user_model
from django.db.models import F
from django.utils import timezone

from adapters.access import adapter_versions_of
from adapters.downloads import ArchiveFormat, find_file
from adapters.models import AdapterVersion, LinkKey
from adapters.signed_links import LONGEST, SHORTEST, DownloadLink, link_revoked, read_link
from finetune_app.accounts.access import Access, workspace_access
from finetune_app.accounts.models import Role, Workspace
from finetune_app.errors import UserError


def make_link(
    access: Access,
    version: AdapterVersion,
    *,
    expires_in: timedelta,
    file: str = "",
    wanted: ArchiveFormat = ArchiveFormat.ZIP,
) -> DownloadLink:
    """A link to all of the version, or to one of its files.

    Raises:
        UserError: `not_allowed` (viewers make none), `invalid_expiry`.
        NotFound: the version has no such file (status 422).
    """
    access.require(Role.EDITOR)
    if not SHORTEST <= expires_in <= LONGEST:
        raise UserError(
            "invalid_expiry",
            f"A link works for 1 hour ({int(SHORTEST.total_seconds())} seconds) to 30 days "
            f"({int(LONGEST.total_seconds())} seconds). Choose a time between.",
            field="expires_in",
        )
    if file:
        find_file(version, file, field="file", status=422)
    return DownloadLink(
        w=access.workspace.pk,
        v=version.pk,
        p=file,
        f=wanted,
        u=access.user.pk,
        e=int((timezone.now() + expires_in).timestamp()),
        k=_key(access.workspace.pk),
    )


def open_link(text: str) -> tuple[DownloadLink, AdapterVersion]:
    """The link, and the version that it leads to; its maker's access as it is now decides.

    Raises:
        UserError: `link_not_found` (404), `link_expired` or `link_revoked` (410).
    """
    link = read_link(text)
    maker = get_user_model().objects.filter(pk=link.u).first()
    workspace = Workspace.objects.filter(pk=link.w).first()
    if maker is None or workspace is None or _key(link.w) != link.k:
        raise link_revoked()
    try:
        access = workspace_access(maker, workspace.slug)
        access.require(Role.EDITOR)
    except UserError:
        raise link_revoked() from None
    version = adapter_versions_of(access).filter(pk=link.v).first()
    if version is None:
        raise link_revoked()
    return link, version


def revoke_links(access: Access) -> None:
    """No link that was ever made in the workspace works any more.

    Raises:
        UserError: `not_allowed`: the person is no admin.
    """
    access.require(Role.ADMIN)
    LinkKey.objects.get_or_create(workspace=access.workspace)
    LinkKey.objects.filter(workspace=access.workspace).update(number=F("number") + 1)


def _key(workspace: int) -> int:
    return LinkKey.objects.filter(workspace_id=workspace).values_list("number", flat=True).first() or 0
