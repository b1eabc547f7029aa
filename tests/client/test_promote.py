"""Aliases move by compare-and-set, with a reason, and back."""

import httpx
import pytest

from graft import Client, GraftError
from tests.adapters.makers import make_version, write_adapter


@pytest.fixture
def three(base, tmp_path):
    """`adder@1` to `adder@3`."""
    return [make_version(base, write_adapter(tmp_path / f"v{n}", seed=n), key=f"job-{n}") for n in (1, 2, 3)]


def test_an_alias_is_made_moved_and_moved_back(client, three):
    made = client.adapters.promote("adder@1", reason="the first")
    assert (made["version"], made["before"], made["reference"]) == (1, None, "adder@production")
    moved = client.adapters.promote("adder", "production", reason="better")
    assert (moved["version"], moved["before"]) == (3, 1)
    undone = client.adapters.undo("adder")
    assert (undone["from_version"], undone["to_version"]) == (3, 1)
    assert [one["version"] for one in client.adapters.aliases("adder")] == [1]
    moves = client.adapters.moves("adder", "production")
    assert [(one["from_version"], one["to_version"], one["reason"]) for one in moves][1:] == [
        (1, 3, "better"),
        (None, 1, "the first"),
    ]
    assert {one["moved_by"] for one in moves} == {"editor"}


def test_an_alias_may_be_named_by_another(client, three):
    client.adapters.promote("adder@2", "challenger")
    assert client.adapters.promote("adder@challenger")["version"] == 2


def test_it_is_moved_only_from_where_it_was_expected(client, three):
    client.adapters.promote("adder@1", expect=0)
    with pytest.raises(GraftError) as caught:
        client.adapters.promote("adder@3", expect=2)
    assert caught.value.code == "alias_moved"
    assert "v1" in caught.value.message
    assert client.adapters.promote("adder@3", expect=1)["version"] == 3


def test_of_two_that_move_it_at_the_same_time_one_is_told(client, three, monkeypatch):
    client.adapters.promote("adder@1")
    seen = type(client.adapters)._seen

    def slow(self, path):
        found = seen(self, path)
        monkeypatch.undo()
        client.adapters.promote("adder@2")  # somebody else, between looking and moving
        return found

    monkeypatch.setattr(type(client.adapters), "_seen", slow)
    with pytest.raises(GraftError) as caught:
        client.adapters.promote("adder@3")
    assert (caught.value.code, caught.value.status) == ("alias_moved", 412)
    assert client.adapters.version("adder@production")["version"] == 2


def test_what_was_never_moved_cannot_be_undone(client, three):
    with pytest.raises(GraftError) as caught:
        client.adapters.undo("adder")
    assert caught.value.code == "alias_not_moved"


def test_a_viewer_moves_nothing(server, people, three):
    with Client(server, people.token(people.viewer)) as viewer, pytest.raises(GraftError) as caught:
        viewer.adapters.promote("adder@1")
    assert caught.value.code == "not_allowed"


def test_the_commands_say_from_where_to_where(graft, three):
    assert graft("adapters", "promote", "adder@1").out == "adder@production: new → v1\n"
    assert graft("adapters", "promote", "adder@3", "--reason", "better", "--expect", 1).out == (
        "adder@production: v1 → v3\n"
    )
    assert graft("adapters", "undo", "adder").out == "adder@production: v3 → v1\n"
    assert graft("adapters", "promote", "adder@2", "--alias", "challenger", "--json").json["version"] == 2
    said = graft("adapters", "promote", "adder@3", "--expect", 2)
    assert (said.code, said.out) == (1, "")
    assert "means v1" in said.err


def test_lists_show_versions_and_aliases(graft, three):
    graft("adapters", "promote", "adder@2")
    listed = graft("adapters", "list")
    assert listed.out.splitlines()[1].split()[:3] == ["adder@3", "production", "tiny@1"]
    assert "exact match 96.7%" in listed.out
    shown = graft("adapters", "show", "adder").out.splitlines()
    assert [line.split()[:3] for line in shown[1:]] == [
        ["adder@3", "servable", "–"],
        ["adder@2", "servable", "production"],
        ["adder@1", "servable", "–"],
    ]
    assert "adapter_model.safetensors" in graft("adapters", "show", "adder@production").out
    assert [one["version"] for one in graft("adapters", "show", "adder", "--json").json["versions"]] == [3, 2, 1]
    assert graft("adapters", "list", "--q", "nothing").out == ""


def test_versions_are_found_by_what_they_are(client, graft, three):
    client.adapters.promote("adder@2", "challenger")
    client.adapters.describe("adder@1", tags=["old"], notes="the first one")
    for filters, numbers in (
        ({"tag": "old"}, [1]),
        ({"q": "first"}, [1]),
        ({"alias": "challenger"}, [2]),
        ({"base": "tiny@1", "dataset": "sums@2", "owner": "nobody"}, []),
        ({"metric": "exact_match", "min_score": 0.9, "order": "oldest"}, [1, 2, 3]),
    ):
        assert [one["version"] for one in client.adapters.versions(**filters)] == numbers, filters
        options = [word for name, value in filters.items() for word in (f"--{name.replace('_', '-')}", value)]
        assert [one["version"] for one in graft("adapters", "versions", *options, "--json").json] == numbers
    with pytest.raises(TypeError):
        client.adapters.versions(tags="old")
    assert graft("adapters", "versions", "--tag", "old").out.splitlines()[1].startswith("adder@1")


def test_more_versions_than_a_page_holds_are_all_found(client, three, monkeypatch):
    monkeypatch.setattr("graft.transport.AT_ONCE", 2)
    assert [one["version"] for one in client.adapters.versions()] == [3, 2, 1]
    assert [one["version"] for one in client.adapters.versions(limit=1)] == [3]


def test_a_version_is_taken_out_of_use_and_put_back(graft, client, three):
    graft("adapters", "promote", "adder@1")
    refused = graft("adapters", "retire", "adder@1")
    assert (refused.code, refused.out) == (1, "")
    assert "production" in refused.err
    assert graft("adapters", "retire", "adder@2", "--reason", "worse").out == "adder@2: retired\n"
    assert [one["version"] for one in client.adapters.versions()] == [3, 1]
    assert client.adapters.versions(status="retired")[0]["status_reason"] == "worse"
    assert graft("adapters", "restore", "adder@2").out == "adder@2: servable\n"


def test_a_link_needs_no_token(graft, client, three):
    url = graft("adapters", "link", "adder@1", "--hours", 2, "--file", "adapter_config.json").out.strip()
    assert httpx.get(url).json()["peft_type"] == "LORA"
    assert set(client.adapters.link("adder@1")) == {"url", "expires_at"}
