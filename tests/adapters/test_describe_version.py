"""What people say of a version: tags, notes, retired or not, and that they looked at it."""

import pytest

from adapters.models import AdapterVersion
from adapters.services.describe_version import add_tag, dismiss_flag, set_notes, set_tags
from adapters.services.move_alias import move_alias
from adapters.services.retire_version import restore_version, retire_version
from adapters.states import VersionStatus
from adapters.tags import MAX_TAGS
from finetune_app.errors import UserError
from tests.adapters.makers import make_version
from tests.pages import words
from tests.tiny_base import register_tiny_base

PAGE, REST = "/w/team/adapters/adder/v/1/", "/api/v1/adapters/adder/versions/1"


def code_of(work) -> str:
    with pytest.raises(UserError) as caught:
        work()
    return caught.value.code


def test_tags_are_added_and_removed_on_the_page(cast, client_for, version):
    client = client_for(cast.editor)
    for tag in (" Good ", "good", "team:support"):
        client.post(f"{PAGE}tag", {"tag": tag})
    assert [tag.name for tag in version.tags.order_by("name")] == ["good", "team:support"]
    client.post(f"{PAGE}tag", {"tag": "good", "remove": ""})
    assert [tag.name for tag in version.tags.all()] == ["team:support"]
    answer = client.post(f"{PAGE}tag", {"tag": "a b"}, follow=True)
    assert "“a b” cannot be a tag." in words(answer.content.decode())


def test_a_version_has_so_many_tags_and_no_more(cast, version):
    editor = cast.access(cast.editor)
    set_tags(editor, version, [f"t{index}" for index in range(MAX_TAGS)])
    assert code_of(lambda: add_tag(editor, version, "more")) == "too_many_tags"
    add_tag(editor, version, "t1")
    assert version.tags.count() == MAX_TAGS


def test_notes_are_kept_as_they_were_written_and_shown_as_text(cast, client_for, version):
    client_for(cast.editor).post(f"{PAGE}notes", {"notes": "Better <b>\r\nat sums.\n"})
    version.refresh_from_db()
    assert version.notes == "Better <b>\nat sums."
    assert "Better &lt;b&gt;" in client_for(cast.viewer).get(PAGE).content.decode()
    assert code_of(lambda: set_notes(cast.access(cast.editor), version, "x" * 10_001)) == "notes_too_long"


def test_a_retired_version_says_why_and_leaves_the_lists(cast, client_for, version, tmp_path):
    make_version(version.base_revision, tmp_path / "2", key="job-2")
    client = client_for(cast.editor)
    client.post(f"{PAGE}retire", {"reason": "It made sums up."})
    assert "Retired: It made sums up." in words(client.get(PAGE).content.decode())
    listed = client.get("/w/team/adapters/adder/").content.decode()
    assert "/adapters/adder/v/1/" not in listed
    assert "Show 1 retired" in words(listed)
    assert "/adapters/adder/v/1/" in client.get("/w/team/adapters/adder/?all").content.decode()
    client.post(f"{PAGE}restore")
    version.refresh_from_db()
    assert (version.status, version.status_reason) == ("servable", "")


def test_what_an_alias_means_is_not_retired(cast, client_for, version):
    editor = cast.access(cast.editor)
    move_alias(editor, version, "production")
    assert code_of(lambda: retire_version(editor, version)) == "version_has_alias"
    answer = client_for(cast.editor).post(f"{PAGE}retire", follow=True)
    assert "adder@1 is what “production” means. Move it to another version first." in words(answer.content.decode())


def test_a_version_is_restored_as_what_it_would_be_by_now(cast, version):
    editor = cast.access(cast.editor)
    retire_version(editor, version)
    register_tiny_base(cast.team, seed=1)
    version.refresh_from_db()
    assert version.status == VersionStatus.RETIRED, "a new base revision leaves it as it was"
    restore_version(editor, version)
    assert version.status == VersionStatus.STALE
    assert "weights" in version.status_reason


def test_a_stale_version_says_what_that_means_and_leads_to_the_upgrade(cast, client_for, version):
    register_tiny_base(cast.team, seed=1)
    html = client_for(cast.viewer).get(PAGE).content.decode()
    assert "Stale: its base model moved on" in words(html)
    assert 'href="/w/team/bases/tiny/r/2/upgrade/"' in html


def test_a_flag_goes_when_somebody_looked_at_what_it_says(cast, client_for, version):
    AdapterVersion.objects.filter(pk=version.pk).update(flag="The chat template changed.")
    editor = client_for(cast.editor)
    assert "The chat template changed." in words(editor.get(PAGE).content.decode())
    assert not dismiss_flag(cast.access(cast.editor), version, "something older")
    editor.post(f"{PAGE}looked", {"flag": "The chat template changed."})
    assert "Somebody should look" not in words(editor.get(PAGE).content.decode())


def test_rest_changes_all_of_it_or_nothing(cast, api, version):
    client = api(cast.editor)

    def patch(body):
        return client.patch(REST, body, content_type="application/json")

    answer = patch({"notes": "n", "tags": ["B", "a"], "status": "retired", "reason": "Old."}).json()
    assert (answer["notes"], answer["tags"], answer["status"], answer["status_reason"]) == (
        "n",
        ["a", "b"],
        "retired",
        "Old.",
    )
    assert patch({}).json()["tags"] == ["a", "b"], "what is left out stays"
    refused = patch({"notes": "other", "tags": ["not a tag"]})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "invalid_tag", "tags")
    assert client.get(REST).json()["notes"] == "n"
    assert patch({"status": "servable"}).json()["status"] == "servable"
    assert patch({"status": "stale"}).status_code == 422
    AdapterVersion.objects.update(flag="Look.")
    assert patch({"flag": ""}).json()["flag"] == ""


@pytest.mark.usefixtures("version")
def test_a_viewer_changes_nothing_and_an_outsider_finds_nothing(cast, client_for, api):
    for action in ("tag", "notes", "looked", "retire", "restore"):
        values = {"tag": "x", "notes": "x"}
        assert client_for(cast.viewer).post(f"{PAGE}{action}", values).status_code == 403
        assert client_for(cast.outsider).post(f"{PAGE}{action}", values).status_code == 404
    for change in ({"notes": "x"}, {"tags": ["x"]}, {"status": "retired"}, {"status": "servable"}, {"flag": ""}):
        assert api(cast.viewer).patch(REST, change, content_type="application/json").status_code == 403
        assert api(cast.outsider).patch(REST, change, content_type="application/json").status_code == 404
    assert AdapterVersion.objects.filter(notes="", status="servable", tags=None).count() == 1
