"""A person logs in once; their token stays theirs."""

import stat

import pytest

from graft import GraftError
from graft.address import server_address
from graft.login import Login, find_login, keep_login


def test_a_token_is_checked_and_kept_for_its_owner_alone(bare_graft, server, people, own_folder):
    token = people.token(people.editor)
    said = bare_graft("login", f"{server}/w/team/", stdin=f"{token}\n")
    assert said.code == 0, said.err
    assert "editor" in said.out
    assert token not in said.out + said.err
    [kept] = own_folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_folder.stat().st_mode) == 0o700
    assert bare_graft("whoami", "--json").json == {
        "url": server,
        "user": "editor",
        "workspace": "team",
        "workspace_name": "Team",
        "role": "editor",
    }


def test_a_kept_token_that_others_could_read_is_made_private_again(server, own_folder):
    path = keep_login(Login(server, "one"))
    path.chmod(0o644)
    keep_login(Login(server, "two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_login() == Login(server, "two")
    assert [file.name for file in own_folder.iterdir()] == [path.name]


def test_a_wrong_token_is_not_kept(bare_graft, server, own_folder):
    said = bare_graft("login", server, stdin="graft_wrong\n")
    assert (said.code, said.out) == (1, "")
    assert "valid API token" in said.err
    assert not own_folder.exists()


def test_after_logout_nothing_is_left(bare_graft, server, people, own_folder):
    bare_graft("login", server, stdin=people.token(people.viewer))
    assert bare_graft("logout").code == 0
    assert not list(own_folder.iterdir())
    said = bare_graft("whoami")
    assert said.code == 1
    assert "graft login" in said.err
    assert bare_graft("logout", "--json").json == {"logged_out": False}


def test_variables_come_before_what_is_kept(bare_graft, server, people, monkeypatch):
    bare_graft("login", server, stdin=people.token(people.viewer))
    monkeypatch.setenv("GRAFT_TOKEN", people.token(people.owner))
    assert bare_graft("whoami", "--json").json["user"] == "owner"


def test_a_kept_token_is_never_sent_to_another_server(monkeypatch):
    keep_login(Login("https://graft.example.org", "secret"))
    monkeypatch.setenv("GRAFT_URL", "https://elsewhere.example.org")
    with pytest.raises(GraftError) as caught:
        find_login()
    assert caught.value.code == "no_login"
    monkeypatch.setenv("GRAFT_URL", "https://graft.example.org/")
    assert find_login().token == "secret"


def test_a_damaged_file_is_named(own_folder):
    own_folder.mkdir()
    (own_folder / "login.json").write_text("{")
    with pytest.raises(GraftError) as caught:
        find_login()
    assert caught.value.code == "bad_login"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://graft.example.org", "https://graft.example.org"),
        (" https://graft.example.org/ ", "https://graft.example.org"),
        ("http://127.0.0.1:8000/w/team/jobs/12/?page=2#log", "http://127.0.0.1:8000"),
        ("https://example.org/graft/api/v1", "https://example.org/graft"),
    ],
)
def test_an_address_may_be_pasted_from_the_browser(typed, meant):
    assert server_address(typed) == meant


@pytest.mark.parametrize("typed", ["", "graft.example.org", "ftp://graft.example.org", "https://me:secret@example.org"])
def test_what_is_no_address_is_refused(typed):
    with pytest.raises(GraftError) as caught:
        server_address(typed)
    assert caught.value.code == "invalid_address"
    assert "secret" not in caught.value.message
