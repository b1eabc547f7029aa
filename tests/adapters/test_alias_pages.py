"""Aliases on the pages: made, moved, taken away and undone in a few clicks, and told plainly."""

import pytest

from adapters.models import AdapterVersion, Alias, AliasMove
from adapters.services.move_alias import move_alias
from adapters.states import VersionStatus
from tests.adapters.makers import make_version
from tests.pages import words

DETAIL, VERSION = "/w/team/adapters/adder/", "/w/team/adapters/adder/v/1/"
NEW, PRODUCTION = f"{DETAIL}aliases/new", f"{DETAIL}aliases/production"


@pytest.fixture
def second(version, tmp_path):
    return make_version(version.base_revision, tmp_path / "second", key="job-2")


@pytest.fixture
def production(cast, version):
    return move_alias(cast.access(cast.editor), version, "production", reason="the first one")


def test_an_adapter_without_aliases_says_what_they_are(cast, client_for, version):
    text = words(client_for(cast.editor).get(DETAIL).content.decode())
    assert "adder@production" in text
    assert "New alias" in text
    assert "New alias" not in words(client_for(cast.viewer).get(DETAIL).content.decode())


def test_an_alias_is_made_and_moved_in_its_dialog(cast, client_for, version, second):
    client = client_for(cast.editor)
    answer = client.post(NEW, {"alias": "production", "version": "1", "reason": "it answers well"}, follow=True)
    assert "“production” means v1 now." in words(answer.content.decode())
    assert "it answers well" in words(answer.content.decode())
    dialog = client.get(PRODUCTION, headers={"hx-request": "true"}).content.decode()
    assert dialog.strip().startswith("<form")
    assert "It means v1 now" in words(dialog)
    moved = client.post(PRODUCTION, {"version": "2", "moves": "1"}, headers={"hx-request": "true"})
    assert moved["HX-Redirect"] == DETAIL
    html = client.get(DETAIL).content.decode()
    assert "v1 → v2" in words(html)
    assert "production" in words(client.get("/w/team/adapters/adder/v/2/").content.decode())


def test_who_looked_at_an_older_alias_is_asked_again(cast, client_for, production, second):
    move_alias(cast.access(cast.owner), second, "production")
    answer = client_for(cast.editor).post(PRODUCTION, {"version": "1", "moves": "1"})
    assert answer.status_code == 422
    text = words(answer.content.decode())
    assert "“production” means v2 by now: somebody changed it since you looked." in text
    assert "It means v2 now" in text
    assert Alias.objects.get().version == second
    assert 'name="moves" value="2"' in answer.content.decode(), "who sends it again has seen v2"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"alias": "Main!", "version": "1"}, "cannot be an alias"),
        ({"alias": "production", "version": "1"}, "exists and means v1"),
        ({"alias": "x", "version": "9"}, "Select a valid choice"),
        ({"alias": "", "version": "1"}, "This field is required"),
    ],
)
def test_what_cannot_be_made_is_said_beside_its_field(cast, client_for, production, values, sentence):
    answer = client_for(cast.editor).post(NEW, values)
    assert answer.status_code == 422
    assert sentence in words(answer.content.decode())
    assert Alias.objects.count() == 1


def test_a_move_is_undone_by_one_click_and_kept(cast, client_for, production, second):
    client = client_for(cast.editor)
    move_alias(cast.access(cast.editor), second, "production")
    last = AliasMove.objects.latest("id")
    assert "Undo (back to v1)" in words(client.get(DETAIL).content.decode())
    answer = client.post(f"{DETAIL}alias-moves/{last.pk}/undo", follow=True)
    assert "“production” means v1 again." in words(answer.content.decode())
    again = client.post(f"{DETAIL}alias-moves/{last.pk}/undo", follow=True)
    assert "was moved again since" in words(again.content.decode())
    history = words(client.get(f"{DETAIL}alias-moves").content.decode())
    assert history.count("Undo") == 1, "only the newest move of an alias can be undone"
    assert "the first one" in history


def test_an_alias_is_taken_away_as_it_was_seen(cast, client_for, production, second):
    client = client_for(cast.editor)
    move_alias(cast.access(cast.owner), second, "production")
    client.post(f"{PRODUCTION}/remove", {"moves": "1"})
    assert Alias.objects.count() == 1
    client.post(f"{PRODUCTION}/remove", {"moves": "2"})
    assert not Alias.objects.exists()
    assert "taken away from v2" in words(client.get(DETAIL).content.decode())


def test_moving_to_a_stale_version_works_and_warns(cast, client_for, production, second):
    AdapterVersion.objects.filter(pk=second.pk).update(status=VersionStatus.STALE, status_reason="Weights differ.")
    client = client_for(cast.editor)
    assert "v2 · exact match 96.7 % · stale" in words(client.get(PRODUCTION).content.decode())
    answer = client.post(PRODUCTION, {"version": "2", "moves": "1"}, follow=True)
    assert words(answer.content.decode()).count("adder v2 is stale. Weights differ.") == 2, "once now, once as it stays"


def test_a_version_offers_to_take_an_alias(cast, client_for, production, second):
    html = client_for(cast.editor).get("/w/team/adapters/adder/v/2/").content.decode()
    assert 'href="/w/team/adapters/adder/aliases/production?version=2"' in html
    chosen = client_for(cast.editor).get(f"{PRODUCTION}?version=2").content.decode()
    assert '<option value="2" selected>' in chosen


def test_a_viewer_changes_nothing_and_an_outsider_finds_nothing(cast, client_for, production):
    move = AliasMove.objects.get()
    posts = [(NEW, {"alias": "x", "version": "1"}), (PRODUCTION, {"version": "1", "moves": "1"})]
    posts += [(f"{PRODUCTION}/remove", {"moves": "1"}), (f"{DETAIL}alias-moves/{move.pk}/undo", {})]
    for url, values in posts:
        assert client_for(cast.viewer).post(url, values).status_code == 403
        assert client_for(cast.outsider).post(url, values).status_code == 404
    assert client_for(cast.viewer).get(f"{DETAIL}alias-moves").status_code == 200
    assert client_for(cast.outsider).get(f"{DETAIL}alias-moves").status_code == 404
    assert AliasMove.objects.count() == 1
