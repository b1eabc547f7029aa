"""One way to ask the server: with the token, again where asking again is safe, and with errors in its own words."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import httpx

from graft.address import server_address
from graft.errors import GraftError
from graft.types import Json, Rows

REST = "/api/v1"
TIMEOUT_SECONDS = 60.0  # above the time between two signs of life of an event stream
CONNECT_SECONDS = 10.0
TRIES = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
MAY_PASS = frozenset({429, 502, 503, 504})
SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
AT_ONCE = 200  # rows of a list; the server's limit


class Transport:
    """The REST API at `base_url`, with a bearer token."""

    def __init__(self, base_url: str, token: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self.base_url = server_address(base_url)
        self.http = httpx.Client(
            base_url=self.base_url + REST,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "graft-client"},
            timeout=httpx.Timeout(timeout, connect=CONNECT_SECONDS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, when it is a good one; `options` are those of `httpx.Client.request`.

        What can be repeated without harm is asked again when no answer came or a proxy spoke for the server; anything
        else only when the request certainly never arrived.

        Raises:
            GraftError: what the server refused; `unreachable`, `redirected`, `not_graft`.
        """
        for number in range(1, TRIES + 1):
            is_last = number == TRIES
            try:
                answer = self.http.request(method, path, **options)
            except httpx.TransportError as error:
                if is_last or not (method in SAFE_TO_REPEAT or never_arrived(error)):
                    raise self.unreachable(error) from error
                pause(number)
                continue
            if answer.status_code in MAY_PASS and method in SAFE_TO_REPEAT and not is_last:
                pause(number, answer.headers)
                continue
            check(answer)
            return answer
        raise AssertionError("the last try returns or raises")

    def get(self, path: str, **params: Any) -> Json:
        """The JSON at `path`; parameters that are None are left out."""
        return body_of(self.ask("GET", path, params=given(params)))

    def get_list(self, path: str) -> Rows:
        """The JSON array at `path`."""
        found: Rows = self.ask("GET", path).json()
        return found

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """The JSON that a POST is answered with."""
        return body_of(self.ask("POST", path, json=dict(body or {})))

    def pages(self, path: str, *, limit: int | None = None, **params: Any) -> Rows:
        """The rows of a list, at most `limit` of them, however many pages that takes."""
        found: Rows = []
        while limit is None or len(found) < limit:
            size = AT_ONCE if limit is None else min(AT_ONCE, limit - len(found))
            page = self.get(path, **params, limit=size, offset=len(found))
            found += page["items"]
            if len(page["items"]) < size or page.get("next_offset", 0) is None:
                break
        return found

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx.Response]:
        """A good answer to a GET, to be read as it comes.

        Raises:
            GraftError: see `ask`; also when it breaks off.
        """
        try:
            with self.http.stream("GET", path) as answer:
                check(answer)
                yield answer
        except httpx.TransportError as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: Exception) -> GraftError:
        """No answer came."""
        return GraftError("unreachable", f"{self.base_url} does not answer: {error or type(error).__name__}.")


def never_arrived(error: Exception) -> bool:
    """Whether the server cannot have seen the request."""
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


def pause(number: int, headers: Mapping[str, str] | None = None) -> None:
    """Wait before the next try: longer each time, or as long as the server asks for."""
    wanted = (headers or {}).get("retry-after", "")
    seconds = float(wanted) if wanted.isdigit() else FIRST_PAUSE_SECONDS * 2 ** (number - 1)
    time.sleep(min(seconds, LONGEST_PAUSE_SECONDS))


def check(answer: httpx.Response) -> None:
    """Refuse an answer that is not a good one.

    Raises:
        GraftError: see `Transport.ask`.
    """
    if answer.is_success:
        return
    if answer.is_redirect:
        raise GraftError(
            "redirected",
            f"{answer.request.url} sends on to {answer.headers.get('location', 'elsewhere')}. Use that address.",
            status=answer.status_code,
        )
    answer.read()
    try:
        error = GraftError.of(answer.json(), status=answer.status_code)
    except (ValueError, KeyError, TypeError, AttributeError):
        error = GraftError(
            "not_graft",
            f"{answer.request.url} answered {answer.status_code}, but not as Graft does. Is the address right?",
            status=answer.status_code,
        )
    raise error


def body_of(answer: httpx.Response) -> Json:
    """The JSON object of a good answer.

    Raises:
        GraftError: `not_graft`: it is something else.
    """
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise GraftError(
            "not_graft", f"{answer.request.url} does not answer as Graft does. Is the address right?", status=200
        )
    return body


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Text that comes in pieces, line by line; only a newline ends one, and no other character that might."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").removesuffix("\r")
    if rest:
        yield rest.decode("utf-8", "replace")


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are None."""
    return {name: value for name, value in params.items() if value is not None}
