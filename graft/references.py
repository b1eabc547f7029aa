"""How a version of an adapter is named, and where it is under REST."""

from urllib.parse import quote

from graft.errors import GraftError
from graft.transport import Transport


def split_reference(reference: str) -> tuple[str, str]:
    """`name@label` as name and label, fit to stand in an address; "" where there is no label.

    Raises:
        GraftError: `invalid_reference`.
    """
    name, at, label = reference.strip().partition("@")
    if not name or (at and not label):
        raise GraftError("invalid_reference", f"“{reference[:120]}” is neither a name nor name@version nor name@alias.")
    return quote(name, safe=""), quote(label, safe="")


def version_address(transport: Transport, reference: str) -> str:
    """Where the version is under REST; a name alone means its newest."""
    name, label = split_reference(reference)
    return f"/adapters/{name}/versions/{label or _newest(transport, name)}"


def _newest(transport: Transport, name: str) -> int:
    versions = transport.get(f"/adapters/{name}", limit=1)["versions"]
    if not versions:
        raise GraftError("adapter_version_not_found", f"The adapter “{name}” has no version yet.", status=404)
    return int(versions[0]["version"])
