"""An alias moves in one step, only from where its mover saw it, and every move is kept and can be taken back."""

from pathlib import Path

import pytest

from adapters.access import find_adapter_version
from adapters.alias_condition import AliasCondition
from adapters.models import AdapterVersion, Alias, AliasMove
from adapters.services.move_alias import move_alias, take_alias_away, undo_move
from adapters.states import VersionStatus
from finetune_app.errors import NotFound, UserError
from tests.adapters.at_once import at_once
from tests.adapters.makers import make_version
from tests.cast import make_cast
from tests.tiny_base import register_tiny_base

ALIASES = "/api/v1/adapters/adder/aliases"


@pytest.fixture
def second(version, tmp_path):
    return make_version(version.base_revision, tmp_path / "second", key="job-2")


def code_of(work) -> str:
    with pytest.raises(UserError) as caught:
        work()
    return caught.value.code


def test_a_move_says_who_moved_what_from_where_to_where_and_why(cast, version, second):
    editor = cast.access(cast.editor)
    move_alias(editor, version, "production", reason=" first ")
    move_alias(editor, second, "production", reason="better on the held-out rows")
    moves = AliasMove.objects.order_by("id").values_list(
        "name", "from_number", "to_number", "reason", "moved_by__username"
    )
    assert list(moves) == [
        ("production", None, 1, "first", "editor"),
        ("production", 1, 2, "better on the held-out rows", "editor"),
    ]
    assert find_adapter_version(cast.access(cast.viewer), "adder@production", field="x") == second


def test_moving_it_to_where_it_is_is_no_move(cast, version):
    editor = cast.access(cast.editor)
    first = move_alias(editor, version, "production")
    assert move_alias(editor, version, "production").moves == first.moves == 1
    assert AliasMove.objects.count() == 1


def test_who_saw_an_older_alias_does_not_move_the_newer_one(cast, version, second):
    editor = cast.access(cast.editor)
    seen = AliasCondition.seen(move_alias(editor, version, "production").moves)
    move_alias(editor, second, "production", condition=seen)
    assert code_of(lambda: move_alias(editor, version, "production", condition=seen)) == "alias_moved"
    new = AliasCondition.seen(None)
    assert code_of(lambda: move_alias(editor, version, "production", condition=new)) == "alias_exists"
    assert Alias.objects.get().version == second


def test_an_alias_that_was_taken_away_and_made_again_is_not_the_one_that_was_seen(cast, version):
    editor = cast.access(cast.editor)
    seen = AliasCondition.seen(move_alias(editor, version, "production").moves)
    take_alias_away(editor, version.adapter, "production")
    move_alias(editor, version, "production")
    assert code_of(lambda: take_alias_away(editor, version.adapter, "production", condition=seen)) == "alias_moved"


def test_undoing_each_kind_of_move(cast, version, second):
    editor = cast.access(cast.editor)
    adapter = version.adapter

    def undo_newest() -> AliasMove:
        return undo_move(editor, adapter, AliasMove.objects.latest("id").pk)

    move_alias(editor, version, "production")
    move_alias(editor, second, "production")
    back = undo_newest()
    assert (back.from_number, back.to_number, back.undoes.to_number) == (2, 1, 2)
    assert Alias.objects.get().version == version
    undo_newest()
    assert Alias.objects.get().version == second, "an undo is a move and can be undone"
    take_alias_away(editor, adapter, "production")
    undo_newest()
    assert Alias.objects.get().version == second
    move_alias(editor, version, "challenger")
    undo_newest()
    assert [alias.name for alias in Alias.objects.all()] == ["production"], "undoing that it was made takes it away"


def test_a_move_is_not_undone_once_the_alias_moved_on(cast, version, second):
    editor = cast.access(cast.editor)
    move_alias(editor, version, "production")
    first = AliasMove.objects.get()
    move_alias(editor, second, "production")
    assert code_of(lambda: undo_move(editor, version.adapter, first.pk)) == "alias_moved_on"
    move_alias(editor, version, "challenger")
    undo_move(editor, version.adapter, AliasMove.objects.filter(name="production").latest("id").pk)
    assert Alias.objects.get(name="production").version == version, "another alias's move is none of its own"


def test_a_retired_version_gets_no_alias_also_not_by_an_undo(cast, version, second):
    editor = cast.access(cast.editor)
    move_alias(editor, version, "production")
    move_alias(editor, second, "production")
    AdapterVersion.objects.filter(pk=version.pk).update(status=VersionStatus.RETIRED)
    assert code_of(lambda: move_alias(editor, version, "production")) == "adapter_version_retired"
    assert (
        code_of(lambda: undo_move(editor, version.adapter, AliasMove.objects.latest("id").pk))
        == "adapter_version_retired"
    )
    assert Alias.objects.get().version == second


@pytest.mark.parametrize("name", ["7", "main", "new", "Production", "a/b", "", "x" * 51, "a..b"])
def test_what_cannot_be_an_alias_is_refused(cast, version, name):
    assert code_of(lambda: move_alias(cast.access(cast.editor), version, name)) == "invalid_alias"


def test_a_viewer_moves_nothing_and_an_outsider_finds_nothing(cast, api, version):
    viewer = cast.access(cast.viewer)
    alias = move_alias(cast.access(cast.editor), version, "production")
    move = AliasMove.objects.get()
    for work in (
        lambda: move_alias(viewer, version, "challenger"),
        lambda: take_alias_away(viewer, version.adapter, "production"),
        lambda: undo_move(viewer, version.adapter, move.pk),
    ):
        assert code_of(work) == "not_allowed"
    assert api(cast.viewer).get(ALIASES).json()[0]["etag"] == f'"{alias.moves}"'
    outsider = api(cast.outsider)
    for answer in (
        outsider.get(ALIASES),
        outsider.put(f"{ALIASES}/production", {"version": 1}, content_type="application/json"),
        outsider.delete(f"{ALIASES}/production"),
        outsider.post(f"/api/v1/adapters/adder/alias-moves/{move.pk}/undo"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "adapter_not_found")


def test_rest_makes_moves_and_takes_an_alias_away(cast, api, version, second):
    client = api(cast.editor)

    def put(alias, body, **headers):
        return client.put(f"{ALIASES}/{alias}", body, content_type="application/json", headers=headers)

    made = put("production", {"version": 1, "reason": "first"}, **{"if-none-match": "*"})
    assert (made.status_code, made["ETag"], made.json()["reference"]) == (200, '"1"', "adder@production")
    assert put("production", {"version": 2}, **{"if-none-match": "*"}).status_code == 412
    put("challenger", {"version": 2})
    moved = put("production", {"version": "challenger"}, **{"if-match": made["ETag"]})
    assert (moved.json()["version"], moved["ETag"]) == (2, '"2"')
    lost = put("production", {"version": 1}, **{"if-match": '"1"'})
    assert (lost.status_code, lost.json()["code"], lost.json()["field"]) == (412, "alias_moved", "alias")
    assert put("gone", {"version": 1}, **{"if-match": "*"}).status_code == 412
    assert put("production", {"version": 1}, **{"if-match": "1"}).json()["code"] == "invalid_condition"
    assert put("production", {"version": 9}).json()["code"] == "adapter_version_not_found"
    shown = client.get(f"{ALIASES}/production")
    assert shown["ETag"] == '"2"'
    moves = client.get("/api/v1/adapters/adder/alias-moves?alias=production").json()
    assert [(item["from_version"], item["to_version"], item["reason"]) for item in moves["items"]] == [
        (1, 2, ""),
        (None, 1, "first"),
    ]
    undone = client.post(f"/api/v1/adapters/adder/alias-moves/{moves['items'][0]['id']}/undo").json()
    assert (undone["to_version"], undone["undoes"]) == (1, moves["items"][0]["id"])
    assert client.delete(f"{ALIASES}/production", headers={"if-match": '"2"'}).status_code == 412
    assert client.delete(f"{ALIASES}/production", headers={"if-match": '"3"'}).status_code == 204
    assert client.get(f"{ALIASES}/production").json()["code"] == "alias_not_found"


def test_a_stale_version_gets_an_alias_with_a_warning(cast, api, version):
    AdapterVersion.objects.filter(pk=version.pk).update(status=VersionStatus.STALE, status_reason="Weights differ.")
    answer = api(cast.editor).put(f"{ALIASES}/production", {"version": 1}, content_type="application/json")
    assert answer.json()["warning"] == "adder v1 is stale. Weights differ."


def test_an_alias_stands_where_a_number_stands(cast, api, version, second, downloads_for, client_for):
    move_alias(cast.access(cast.editor), version, "production")
    assert api(cast.viewer).get("/api/v1/adapters/adder/versions/production").json()["version"] == 1
    assert "adder" in client_for(cast.viewer).get("/w/team/adapters/adder/v/production/").content.decode()
    client = downloads_for(cast.viewer)
    for start in ("/api/v1/adapters/adder/versions", "/w/team/adapters/adder/v"):
        by_alias, by_number = (client.get(f"{start}/{label}/download") for label in ("production", "1"))
        assert by_alias.body == by_number.body
        assert by_alias.headers["ETag"] == by_number.headers["ETag"] == f'"{version.archive_sha256}"'
        assert "immutable" in by_number.headers["Cache-Control"]
        assert by_alias.headers["Cache-Control"] == "private, no-cache"
        assert by_alias.headers["Graft-Version"] == "adder@1"
        again = client.get(f"{start}/production/download", if_none_match=by_alias.headers["ETag"])
        assert (again.status, again.headers["Cache-Control"]) == (304, "private, no-cache")
        assert client.get(f"{start}/nothing/download").status == 404
    move_alias(cast.access(cast.editor), second, "production")
    moved = client.get("/api/v1/adapters/adder/versions/production/files/manifest.json")
    assert moved.headers["ETag"] == f'"{second.manifest_sha256}"'


@pytest.mark.django_db(transaction=True)
def test_of_several_who_saw_the_same_alias_one_moves_it(tmp_path: Path):
    cast = make_cast()
    base = register_tiny_base(cast.team)
    versions = [make_version(base, tmp_path / str(index), key=f"job-{index}") for index in range(5)]
    editor = cast.access(cast.editor)
    seen = AliasCondition.seen(move_alias(editor, versions[4], "production").moves)

    def move(index: int) -> str:
        try:
            move_alias(editor, versions[index], "production", condition=seen)
        except UserError as error:
            return error.code
        return "moved"

    came_to = at_once(4, move)
    assert sorted(came_to) == ["alias_moved"] * 3 + ["moved"]
    assert Alias.objects.get().version == versions[came_to.index("moved")]
    assert AliasMove.objects.count() == 2


def test_a_version_that_is_gone_is_not_found(cast, version, second):
    editor = cast.access(cast.editor)
    move_alias(editor, version, "production")
    move_alias(editor, second, "production")
    version.delete()
    with pytest.raises(NotFound):
        undo_move(editor, second.adapter, AliasMove.objects.latest("id").pk)
