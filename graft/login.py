"""Who a person is to which Graft: kept in their own folder, readable for nobody else; two variables come first."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from graft.address import server_address
from graft.errors import GraftError
from graft.places import app_folder, write_private

URL_VARIABLE = "GRAFT_URL"
TOKEN_VARIABLE = "GRAFT_TOKEN"  # noqa: S105 - the name of a variable
FILE_NAME = "login.json"


@dataclass(frozen=True)
class Login:
    """An address and a token."""

    url: str
    token: str


def login_file() -> Path:
    """Where it is kept."""
    return app_folder() / FILE_NAME


def keep_login(login: Login) -> Path:
    """Keep it until `forget_login`; where."""
    path = login_file()
    write_private(path, json.dumps(asdict(login), indent=2).encode())
    return path


def forget_login() -> bool:
    """Whether there was one."""
    path = login_file()
    was_there = path.exists()
    path.unlink(missing_ok=True)
    return was_there


def find_login() -> Login:
    """What `GRAFT_URL` and `GRAFT_TOKEN` say, and what was kept for what they leave open.

    A kept token is only ever used for the address that it was kept with.

    Raises:
        GraftError: `no_login`.
    """
    kept = _kept()
    url = os.environ.get(URL_VARIABLE, "").strip()
    url = server_address(url) if url else (kept.url if kept else "")
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token and kept and kept.url == url:
        token = kept.token
    if not url or not token:
        what = f"token for {url}" if url else "address of a Graft"
        raise GraftError(
            "no_login", f"There is no {what}. Run “graft login”, or set {URL_VARIABLE} and {TOKEN_VARIABLE}."
        )
    return Login(url, token)


def _kept() -> Login | None:
    path = login_file()
    try:
        return Login(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise GraftError("bad_login", f"{path} cannot be read. Run “graft login” again.") from error
