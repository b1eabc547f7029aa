"""Links for people without a token: who makes them, what they give, and when they stop."""

import hashlib
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.utils import timezone

from adapters.models import AdapterVersion
from adapters.services.make_link import make_link, revoke_links
from adapters.signed_links import DownloadLink
from finetune_app.accounts.models import Membership, Role
from finetune_app.errors import UserError
from tests.adapters.makers import read_body

REST = "/api/v1/adapters/adder/versions/1/links"
PAGE = "/w/team/adapters/adder/v/1/link"
HOUR = timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("version")


def follow(url: str, method: str = "GET", **headers: str):
    """A stranger's client: no session, no token."""

    async def ask():
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await AsyncClient().generic(method, urlsplit(url).path, headers=named)
        response.whole = await read_body(response)
        return response

    return async_to_sync(ask)()


def link_of(cast, version, *, user=None, **options) -> str:
    link = make_link(cast.access(user or cast.editor), version, **{"expires_in": HOUR} | options)
    return f"/d/{link.to_text()}/{link.file_name(version)}"


def test_a_link_made_over_rest_gives_the_zip_to_a_stranger(cast, api, version):
    answer = api(cast.editor).post(REST, {"expires_in": 3600}, content_type="application/json")
    assert answer.status_code == 201
    url = answer.json()["url"]
    assert url.startswith("http://testserver/d/")
    assert url.endswith("/adder-v1.zip")
    assert "editor" not in url
    got = follow(url)
    assert got.status_code == 200
    assert hashlib.sha256(got.whole).hexdigest() == version.archive_sha256
    assert got["Content-Disposition"] == 'attachment; filename="adder-v1.zip"'
    assert got["Cache-Control"] == "private, no-cache"


def test_a_link_made_over_rest_lasts_a_week_when_nobody_says_how_long(cast, api):
    told = api(cast.editor).post(REST, {}, content_type="application/json").json()["expires_at"]
    expires_at = timezone.datetime.fromisoformat(told)
    assert abs(expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)


def test_a_link_to_one_file_gives_that_file_alone(cast, api, version):
    body = {"file": "adapter_config.json", "expires_in": 3600}
    url = api(cast.editor).post(REST, body, content_type="application/json").json()["url"]
    assert url.endswith("/adapter_config.json")
    assert b"peft_type" in follow(url).whole
    assert follow(url.replace("adapter_config.json", "adapter_model.safetensors")).status_code == 404


def test_a_link_to_the_tar_gives_the_tar(cast, api, version):
    url = api(cast.editor).post(REST, {"format": "tar"}, content_type="application/json").json()["url"]
    assert hashlib.sha256(follow(url).whole).hexdigest() == version.tar_sha256


def test_a_link_is_resumed_and_looked_at_like_any_download(cast, version):
    url = link_of(cast, version)
    head = follow(url, "HEAD")
    assert (head.status_code, head["Content-Length"]) == (200, str(version.archive_size))
    part = follow(url, range="bytes=10-", if_range=head["ETag"])
    assert (part.status_code, len(part.whole)) == (206, version.archive_size - 10)
    assert follow(url, if_none_match=head["ETag"]).status_code == 304
    assert follow(url, "POST").status_code == 405


def test_after_its_time_a_link_says_so(cast, version):
    link = make_link(cast.access(cast.editor), version, expires_in=HOUR)
    late = link.model_copy(update={"e": int(timezone.now().timestamp()) - 1})
    got = follow(f"/d/{late.to_text()}/adder-v1.zip")
    assert got.status_code == 410
    assert "a time that is over" in got.whole.decode()


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_link_that_was_changed_or_cut_is_none(cast, version, place):
    text = make_link(cast.access(cast.editor), version, expires_in=HOUR).to_text()
    letter = "A" if text[place] != "A" else "B"
    changed = text[:place] + letter + (text[place + 1 :] if place != -1 else "")
    for broken in (changed, text[:-4]):
        got = follow(f"/d/{broken}/adder-v1.zip")
        assert got.status_code == 404
        assert "adder" not in got.whole.decode().partition("<main")[2]


def test_a_link_signed_for_something_else_is_none(version):
    from django.core import signing

    link = DownloadLink(w=version.adapter.workspace_id, v=version.pk, u=1, e=2**33)
    other = signing.dumps(link.model_dump(mode="json"), salt="something else")
    assert follow(f"/d/{other}/adder-v1.zip").status_code == 404


@pytest.mark.parametrize("change", ["left", "viewer now", "inactive"])
def test_a_link_ends_with_what_its_maker_may_do(cast, version, change):
    url = link_of(cast, version)
    assert follow(url).status_code == 200
    membership = Membership.objects.filter(user=cast.editor, workspace=cast.team)
    if change == "left":
        membership.delete()
    elif change == "viewer now":
        membership.update(role=Role.VIEWER)
    else:
        cast.editor.is_active = False
        cast.editor.save()
    got = follow(url)
    assert got.status_code == 410
    assert "taken back" in got.whole.decode()


def test_a_link_ends_with_its_version(cast, version):
    url = link_of(cast, version)
    type(version.adapter).objects.update(newest=None)
    AdapterVersion.objects.filter(pk=version.pk).delete()
    assert follow(url).status_code == 410


def test_an_admin_takes_all_links_back_and_later_ones_work(cast, api, client_for, version):
    url = link_of(cast, version)
    assert api(cast.editor).delete("/api/v1/links").status_code == 403
    assert api(cast.outsider).delete("/api/v1/links").status_code == 204  # those of their own workspace
    assert follow(url).status_code == 200
    assert api(cast.owner).delete("/api/v1/links").status_code == 204
    assert follow(url).status_code == 410
    again = link_of(cast, version)
    assert follow(again).status_code == 200
    assert client_for(cast.owner).post(f"{PAGE}/revoke-all").status_code == 302
    assert follow(again).status_code == 410


@pytest.mark.parametrize("seconds", [0, -5, 3599, 30 * 86400 + 1, 10**18])
def test_a_time_outside_its_bounds_is_refused_beside_its_field(cast, api, seconds):
    answer = api(cast.editor).post(REST, {"expires_in": seconds}, content_type="application/json")
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["field"]) == ("invalid_expiry", "expires_in")


def test_a_file_that_is_not_there_is_refused_beside_its_field(cast, api):
    answer = api(cast.editor).post(REST, {"file": "../secret_key"}, content_type="application/json")
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["field"]) == ("file_not_found", "file")


def test_viewers_and_outsiders_make_no_links(cast, api, client_for, version):
    assert api(cast.viewer).post(REST, {}, content_type="application/json").status_code == 403
    assert api(cast.outsider).post(REST, {}, content_type="application/json").status_code == 404
    assert client_for(cast.viewer).get(PAGE).status_code == 403
    assert client_for(cast.outsider).get(PAGE).status_code == 404
    assert client_for(cast.editor).post(f"{PAGE}/revoke-all").status_code == 403
    with pytest.raises(UserError, match="role"):
        revoke_links(cast.access(cast.editor))


def test_the_page_makes_a_link_that_works(cast, client_for, version):
    browser = client_for(cast.editor)
    page = browser.get(PAGE).content.decode()
    assert "adapter_model.safetensors" in page
    assert "Revoke all links" not in page
    made = browser.post(PAGE, {"what": "file:README.md", "expires_in": "3600"})
    assert made.status_code == 201
    assert made["Cache-Control"].startswith("max-age=0")
    url = made.context["address"]
    assert url in made.content.decode()
    assert hashlib.sha256(follow(url).whole).hexdigest() == next(
        file["sha256"] for file in version.manifest["files"] if file["path"] == "README.md"
    )
    assert browser.post(PAGE, {"what": "file:../x", "expires_in": "3600"}).status_code == 422
    assert browser.post(PAGE, {"what": "tar", "expires_in": "999999999"}).status_code == 422


def test_the_version_page_leads_members_who_edit_to_it(cast, client_for):
    assert PAGE in client_for(cast.editor).get("/w/team/adapters/adder/v/1/").content.decode()
    assert PAGE not in client_for(cast.viewer).get("/w/team/adapters/adder/v/1/").content.decode()
    assert "Revoke all links" in client_for(cast.owner).get(PAGE).content.decode()
