"""Links for people without a token, over REST."""

from datetime import datetime, timedelta
from typing import Annotated

from ninja import Field, Router, Schema, Status

from adapters.access import get_adapter_version
from adapters.downloads import ArchiveFormat
from adapters.labels import Label
from adapters.link_views import link_address
from adapters.services.make_link import make_link, revoke_links
from adapters.signed_links import LONGEST, SHORTEST
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.web.schemas import ErrorOut

SECOND = timedelta(seconds=1)
router = Router()
link_keys_router = Router()


class LinkIn(Schema):
    """What the link gives, and for how long."""

    file: str = Field("", description="The path of one file; empty for the whole version.")
    format: ArchiveFormat = Field(ArchiveFormat.ZIP, description="Of the whole version.")
    expires_in: Annotated[
        int,
        Field(
            strict=True,
            description=f"Seconds: {SHORTEST // SECOND} (1 hour) to {LONGEST // SECOND} (30 days).",
        ),
    ] = int(timedelta(days=7).total_seconds())


class LinkOut(Schema):
    """The link."""

    url: str = Field(description="Needs no token; takes ranges. It is shown this once.")
    expires_at: datetime


@router.post(
    "/{name}/versions/{label:number}/links",
    response={201: LinkOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Make a link for people without a token",
)
def post_link(request: ApiRequest, name: str, number: Label, payload: LinkIn) -> Status[LinkOut]:
    """A signed address that gives the version, or a file of it, to whoever has it, until it expires.

    It stops working earlier when the version is deleted, when you may no longer make links in this workspace, or when
    an admin revokes all links.
    """
    version = get_adapter_version(request.auth, name, number)
    expires_in = timedelta(seconds=max(-1, min(payload.expires_in, 10**9)))
    link = make_link(request.auth, version, expires_in=expires_in, file=payload.file, wanted=payload.format)
    return Status(201, LinkOut(url=link_address(request, link, version), expires_at=link.expires_at))


@link_keys_router.delete("", response={204: None, 403: ErrorOut}, summary="Revoke all links")
def delete_links(request: ApiRequest) -> Status[None]:
    """No link that was made in this workspace until now works any more. Needs an admin's token."""
    revoke_links(request.auth)
    return Status(204, None)
