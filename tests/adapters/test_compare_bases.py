"""Two revisions of a base model side by side, on the page and over REST."""

import pytest

from adapters.models import BaseRevision
from tests.adapters.bases import added_token, other_template, register_changed
from tests.tiny_base import register_tiny_base

PAGE, REST = "/w/team/bases/tiny/compare", "/api/v1/base-models/tiny/compare"


@pytest.fixture
def second(cast, tiny_base) -> BaseRevision:
    """Other weights, one more token and another template."""

    def change(folder) -> None:
        from tests.tiny import tiny_tensors, write_safetensors

        write_safetensors(folder / "model.safetensors", tiny_tensors(1))
        other_template(folder)
        added_token(folder)

    return register_changed(cast.team, change)


@pytest.mark.usefixtures("second")
def test_the_page_groups_tensors_and_shows_tokens_and_template(cast, client_for, django_assert_max_num_queries):
    browser = client_for(cast.viewer)
    html = browser.get(PAGE).content.decode()
    assert "model.layers 0–1" in html
    assert html.count("mlp.up_proj.weight") == 1
    assert "&lt;|tool|&gt;" in html
    assert "every old token keeps its id" in html
    assert "text-diff-new" in html
    assert "The config is the same." in html
    with django_assert_max_num_queries(6):
        browser.get(f"{PAGE}?old=1&new=2")


@pytest.mark.usefixtures("second")
def test_rest_says_the_same(cast, api):
    found = api(cast.viewer).get(f"{REST}?old=1&new=2").json()
    assert (found["old"], found["new"], found["is_same"]) == ("tiny@1", "tiny@2", False)
    assert {change["difference"] for change in found["tensors"]} == {"content"}
    assert found["tokenizer"]["only_adds"]
    assert found["tokenizer"]["added"]["tokens"] == [["<|tool|>", 404]]
    assert found["config"] == []
    assert [line["mark"] for line in found["chat_template"] if line["mark"] != " "]
    same = api(cast.viewer).get(f"{REST}?old=2&new=2").json()
    assert (same["is_same"], same["tensors"]) == (True, [])


def test_one_revision_has_nothing_to_compare_with(cast, client_for, tiny_base):
    assert "one revision only" in client_for(cast.viewer).get(PAGE).content.decode()


def test_what_is_not_there_is_said(cast, client_for, api, tiny_base):
    register_tiny_base(cast.team, seed=1)
    assert client_for(cast.viewer).get(f"{PAGE}?old=9").status_code == 404
    assert client_for(cast.outsider).get(PAGE).status_code == 404
    assert api(cast.viewer).get(f"{REST}?old=1&new=9").status_code == 404
    assert api(cast.outsider).get(f"{REST}?old=1&new=2").status_code == 404
