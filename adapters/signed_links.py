"""Links by which somebody without a token downloads a version: signed, for a time, by a member who may make them.

Nothing is kept of a link: what it gives, who made it and until when stand in it, signed with Graft's secret key. It
works as long as the version is there, its maker may still make links, and the workspace has not revoked its links.
"""

from datetime import UTC, datetime, timedelta

from django.core import signing
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.downloads import ArchiveFormat, archive_name
from adapters.models import AdapterVersion
from finetune_app.errors import UserError

SALT = "adapters.download-link"
SHORTEST = timedelta(hours=1)
LONGEST = timedelta(days=30)
GONE = 410


class DownloadLink(BaseModel):
    """What stands in a link; the names are short because they make the address long.

    Attributes:
        w: the workspace.
        v: the version.
        p: the file's path; "" for the whole version.
        f: the format of the whole version.
        u: who made it.
        e: until when it works, in seconds since 1970.
        k: the workspace's `LinkKey` when it was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    w: int
    v: int
    p: str = ""
    f: ArchiveFormat = ArchiveFormat.ZIP
    u: int
    e: int
    k: int = 0

    @property
    def expires_at(self) -> datetime:
        """Until when it works."""
        return datetime.fromtimestamp(self.e, UTC)

    def file_name(self, version: AdapterVersion) -> str:
        """What it is called where it is saved."""
        return self.p.rpartition("/")[2] or archive_name(version, self.f)

    def to_text(self) -> str:
        """The link as it stands in an address."""
        return signing.dumps(self.model_dump(mode="json", exclude_defaults=True), salt=SALT, compress=True)


def read_link(text: str) -> DownloadLink:
    """What stands in the link, when Graft signed it and its time is not over.

    Raises:
        UserError: `link_not_found` (404) or `link_expired` (410).
    """
    try:
        link = DownloadLink.model_validate(signing.loads(text, salt=SALT))
    except (signing.BadSignature, ValidationError, ValueError):
        raise link_not_found() from None
    if link.expires_at <= timezone.now():
        raise UserError(
            "link_expired",
            "This link worked for a time that is over. Ask the person who sent it to you for a new one.",
            status=GONE,
        )
    return link


def link_not_found() -> UserError:
    """The refusal of what is no link."""
    return UserError(
        "link_not_found", "This link is not complete. Copy all of it, to its last character, and try again.", status=404
    )


def link_revoked() -> UserError:
    """The refusal of a link that was taken back, whoever did it and however."""
    return UserError(
        "link_revoked",
        "This link was taken back, or what it led to was deleted. Ask the person who sent it to you.",
        status=GONE,
    )
