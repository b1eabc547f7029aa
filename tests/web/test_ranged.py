"""Files over HTTP: whole, in parts, resumed, unchanged, refused."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
from django.http import HttpResponseBase
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from finetune_app.web.byte_ranges import ByteRange, UnsatisfiableRange, parse_ranges
from finetune_app.web.ranged import ASK_AGAIN, Content, ranged_response

BODY = bytes(range(256)) * 2
ETAG = f'"{hashlib.sha256(BODY).hexdigest()}"'


def content(body: bytes = BODY, name: str = "file.bin") -> Content:
    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        for first in range(start, end, 100):
            yield body[first : min(first + 100, end)]

    return Content(file_name=name, size=len(body), sha256=hashlib.sha256(body).hexdigest(), read=read)


def ask(method: str = "GET", *, of: Content | None = None, **headers: str) -> tuple[HttpResponseBase, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = ranged_response(RequestFactory().generic(method, "/file", headers=named), of or content())

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in response.streaming_content])

    return response, asyncio.run(collect()) if response.streaming else response.content


def test_the_whole_file_comes_with_its_digest_as_etag():
    response, body = ask()
    assert (response.status_code, body) == (200, BODY)
    assert response["ETag"] == ETAG
    assert response["Content-Length"] == "512"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["Content-Disposition"] == 'attachment; filename="file.bin"'
    assert "Content-Range" not in response


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=500-", 500, 512),
        ("bytes=500-9999", 500, 512),
        ("bytes=-12", 500, 512),
        ("bytes=-9999", 0, 512),
        ("bytes=0-", 0, 512),
        ("Bytes = 1-2", 1, 3),
    ],
)
def test_a_range_is_that_part(header, start, end):
    response, body = ask(range=header)
    assert (response.status_code, body) == (206, BODY[start:end])
    assert response["Content-Range"] == f"bytes {start}-{end - 1}/512"
    assert response["Content-Length"] == str(end - start)
    assert response["ETag"] == ETAG


@pytest.mark.parametrize("header", ["bytes=512-", "bytes=600-700", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(header):
    response, body = ask(range=header)
    assert (response.status_code, body) == (416, b"")
    assert response["Content-Range"] == "bytes */512"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes=",
        "bytes=-",
        "bytes=5-1",
        "bytes=0-1,x",
        "bytes=0-1;5-6",
        "bytes=,",
        "lines=0-1",
        "bytes=a-b",
        "bytes=٣-",
        "0-1",
        f"bytes={'9' * 5000}-",
    ],
)
def test_what_is_no_range_gets_the_whole_file(header):
    response, body = ask(range=header)
    assert (response.status_code, body) == (200, BODY)


def test_if_range_resumes_the_same_content_and_sends_all_of_another():
    assert ask(range="bytes=500-", if_range=ETAG)[0].status_code == 206
    for other in ('"something else"', f"W/{ETAG}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        response, body = ask(range="bytes=500-", if_range=other)
        assert (response.status_code, body) == (200, BODY)


@pytest.mark.parametrize("known", [ETAG, f"W/{ETAG}", f'"old", {ETAG}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_it_already_is_told_so(method, known):
    response, body = ask(method, if_none_match=known, range="bytes=0-1")
    assert (response.status_code, body) == (304, b"")
    assert response["ETag"] == ETAG
    assert "immutable" in response["Cache-Control"]


def test_who_wants_another_content_only_is_refused():
    assert ask(if_match='"other"')[0].status_code == 412
    assert ask(if_match=ETAG)[0].status_code == 200


def test_head_says_everything_and_sends_nothing():
    response, body = ask("HEAD", range="bytes=0-1")
    assert (response.status_code, body) == (200, b"")
    assert response["Content-Length"] == "512"
    assert response["ETag"] == ETAG


def test_an_empty_file_comes_whole():
    response, body = ask(of=content(b""))
    assert (response.status_code, body, response["Content-Length"]) == (200, b"", "0")
    assert ask(of=content(b""), range="bytes=0-")[0].status_code == 416


@pytest.mark.parametrize("name", ['a"b.zip', "späti.zip", "a\\b", "a\nb", "a;b.zip"])
def test_a_file_name_cannot_break_out_of_its_header(name):
    response, _ = ask(of=content(name=name))
    header = response["Content-Disposition"]
    assert header.startswith("attachment")
    assert "\n" not in header
    assert re.fullmatch(r"attachment; filename(=\"([^\"\\]|\\.)*\"|\*=utf-8''[\w%.~-]+)", header)


@given(start=st.integers(0, 600), length=st.integers(1, 600), size=st.integers(0, 512))
def test_any_range_is_the_slice(start, length, size):
    header = f"bytes={start}-{start + length - 1}"
    if start >= size:
        with pytest.raises(UnsatisfiableRange):
            parse_ranges(header, size)
        return
    [part] = parse_ranges(header, size)
    assert BODY[:size][part.start : part.end] == BODY[:size][start : start + length]


@given(st.text(max_size=40) | st.from_regex(r"bytes=([0-9]*-[0-9]*,?){1,5}", fullmatch=True))
def test_no_header_is_a_crash(header):
    try:
        parts = parse_ranges(header, 100)
    except UnsatisfiableRange:
        return
    assert parts is None or all(0 <= part.start < part.end <= 100 for part in parts)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), min_size=1, max_size=20), st.integers(1, 5000))
def test_several_ranges_hold_every_byte_that_was_asked_for_once(asked, size):
    header = "bytes=" + ", ".join(f"{start}-{start + more}" for start, more in asked)
    wanted = {place for start, more in asked for place in range(start, start + more + 1) if place < size}
    if not wanted:
        with pytest.raises(UnsatisfiableRange):
            parse_ranges(header, size)
        return
    parts = parse_ranges(header, size) or [ByteRange(0, size)]
    sent = [place for part in parts for place in range(part.start, part.end)]
    assert wanted <= set(sent)
    assert sent == sorted(set(sent))


LONG = bytes(range(256)) * 40  # 10,240


def test_several_ranges_come_as_the_parts_of_one_answer():
    response, body = ask(of=content(LONG), range="bytes=0-1, 5000-5009 ,-3")
    assert response.status_code == 206
    assert response["Content-Type"].startswith("multipart/byteranges; boundary=")
    assert response["Content-Length"] == str(len(body))
    assert "Content-Range" not in response
    assert response["ETag"] == f'"{hashlib.sha256(LONG).hexdigest()}"'
    boundary = response["Content-Type"].partition("boundary=")[2].encode()
    heads = body.split(b"--" + boundary)
    assert heads[0] == b"\r\n"
    assert heads[-1] == b"--\r\n"
    found = {}
    for part in heads[1:-1]:
        head, _, payload = part.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert "Content-Type: application/octet-stream" in lines
        found[lines[-1]] = payload.removesuffix(b"\r\n")
    assert found == {
        "Content-Range: bytes 0-1/10240": LONG[:2],
        "Content-Range: bytes 5000-5009/10240": LONG[5000:5010],
        "Content-Range: bytes 10237-10239/10240": LONG[-3:],
    }


def test_ranges_that_overlap_or_all_but_touch_come_as_one():
    response, body = ask(of=content(LONG), range="bytes=100-199,0-150,210-219")
    assert (response.status_code, body) == (206, LONG[:220])
    assert response["Content-Range"] == "bytes 0-219/10240"


def test_ranges_that_are_not_there_are_left_out_of_several():
    response, body = ask(of=content(LONG), range="bytes=99999-,5-9")
    assert (response.status_code, body) == (206, LONG[5:10])
    assert ask(of=content(LONG), range="bytes=99999-,-0")[0].status_code == 416


@pytest.mark.parametrize(
    "header",
    [
        "bytes=" + ",".join(f"{place * 600}-{place * 600}" for place in range(17)),  # more stretches than are sent
        "bytes=" + ",".join(["0-"] * 500),  # a known way to make a server work
    ],
)
def test_who_asks_for_too_many_ranges_gets_the_whole_file(header):
    response, body = ask(of=content(LONG), range=header)
    assert (response.status_code, body) == (200, LONG)


def test_if_range_holds_for_several_ranges_as_well():
    etag = f'"{hashlib.sha256(LONG).hexdigest()}"'
    assert ask(of=content(LONG), range="bytes=0-1,900-901", if_range=etag)[0].status_code == 206
    assert ask(of=content(LONG), range="bytes=0-1,900-901", if_range='"other"')[0].status_code == 200


@pytest.mark.parametrize("headers", [{}, {"range": "bytes=0-1"}, {"range": "bytes=0-1,400-401"}])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_answer_says_the_digest_of_the_whole_file(method, headers):
    response, _ = ask(method, **headers)
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert response["Repr-Digest"] == f"sha-256=:{digest}:"
    assert response["Digest"] == f"sha-256={digest}"


def test_an_address_that_may_mean_something_else_tomorrow_is_asked_again():
    response = ranged_response(RequestFactory().get("/file"), content(), cache=ASK_AGAIN)
    assert response["Cache-Control"] == "private, no-cache"
    assert response["ETag"] == ETAG
