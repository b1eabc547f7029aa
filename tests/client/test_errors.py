"""What can go wrong on the way is told apart, tried again where that is safe, and never hidden."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from graft import Client, GraftError


class Script(BaseHTTPRequestHandler):
    """Answers with the next of `answers`: status, headers, body."""

    answers: list
    asked: list

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path))
        status, headers, body = self.answers.pop(0)
        if status == 0:
            self.connection.close()
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 - the names that the library calls

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch):
    """`scripted(answers)`: a client of a server that answers like this, and the list of what it was asked."""
    monkeypatch.setattr("graft.transport.FIRST_PAUSE_SECONDS", 0.001)
    servers = []

    def make(*answers):
        handler = type("Scripted", (Script,), {"answers": list(answers), "asked": []})
        server = HTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Client(f"http://127.0.0.1:{server.server_port}", "token"), handler.asked

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


GOOD = (200, {"Content-Type": "application/json"}, b'{"user": "me"}')
BUSY = (503, {"Retry-After": "0"}, b"<html>busy</html>")
GONE = (0, {}, b"")


@pytest.mark.parametrize("trouble", [BUSY, GONE])
def test_a_question_is_asked_again(scripted, trouble):
    client, asked = scripted(trouble, trouble, GOOD)
    assert client.whoami() == {"user": "me"}
    assert len(asked) == 3


@pytest.mark.parametrize("trouble", [BUSY, GONE])
def test_an_order_is_given_once(scripted, trouble):
    client, asked = scripted(trouble, GOOD)
    with pytest.raises(GraftError) as caught:
        client.jobs.submit({"adapter": "a"})
    assert caught.value.code in {"unreachable", "not_graft"}
    assert asked == [("POST", "/api/v1/jobs")]


def test_trying_again_has_an_end(scripted):
    client, asked = scripted(*[BUSY] * 9)
    with pytest.raises(GraftError) as caught:
        client.whoami()
    assert (caught.value.code, caught.value.status, len(asked)) == ("not_graft", 503, 5)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b'"text"'])
def test_something_else_at_that_address_is_recognised(scripted, body):
    client, _ = scripted((200, {}, body))
    with pytest.raises(GraftError) as caught:
        client.whoami()
    assert caught.value.code == "not_graft"


@pytest.mark.parametrize("body", [b"<html>no</html>", b"[]", b'{"detail": "no"}'])
def test_an_error_that_is_not_ours_is_recognised(scripted, body):
    client, _ = scripted((404, {}, body))
    with pytest.raises(GraftError) as caught:
        client.whoami()
    assert (caught.value.code, caught.value.status) == ("not_graft", 404)


def test_the_right_address_is_named_when_the_server_sends_on(scripted):
    client, asked = scripted((301, {"Location": "https://graft.example.org/api/v1/whoami"}, b""))
    with pytest.raises(GraftError) as caught:
        client.whoami()
    assert caught.value.code == "redirected"
    assert "https://graft.example.org" in caught.value.message
    assert len(asked) == 1


def test_nobody_there(monkeypatch, bare_graft):
    monkeypatch.setattr("graft.transport.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setenv("GRAFT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GRAFT_TOKEN", "secret-token")
    said = bare_graft("whoami")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: http://127.0.0.1:9 does not answer")
    assert "secret-token" not in said.err


def test_a_field_is_named_with_its_sentence(scripted):
    body = (
        b'{"code": "invalid_fields", "message": "Too small.", "field": "config.r", "details": [{"field": "config.r"}]}'
    )
    client, _ = scripted((422, {}, body))
    with pytest.raises(GraftError) as caught:
        client.jobs.submit({})
    error = caught.value
    assert (str(error), error.field, error.details) == ("Too small.", "config.r", [{"field": "config.r"}])
    assert error.as_json()["code"] == "invalid_fields"
