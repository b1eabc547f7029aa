"""Where a Graft is: the address that a person gives, made into the one that the client uses."""

from urllib.parse import urlsplit, urlunsplit

from graft.errors import GraftError


def server_address(text: str) -> str:
    """`text` without what a browser's address bar adds to it: `https://graft.example/w/team/` → `https://graft.example`.

    Raises:
        GraftError: `invalid_address`.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise GraftError(
            "invalid_address", f"“{text.strip()[:120]}” is no address. Give it whole: https://graft.example.org."
        )
    if parts.username or parts.password:
        raise GraftError("invalid_address", "An address has no password in it; the token is given by itself.")
    path = parts.path
    for tail in ("/w/", "/api/v1"):
        path = path.partition(tail)[0]
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), "", ""))
