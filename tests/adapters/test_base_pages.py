"""The base model pages: what a person finds on them, and that nobody else finds it."""

import pytest

from tests.adapters.makers import make_version
from tests.tiny_base import register_tiny_base

LIST, DETAIL, REVISION = "/w/team/bases/", "/w/team/bases/tiny/", "/w/team/bases/tiny/r/1/"


def test_an_empty_list_says_how_one_is_registered(cast, client_for):
    html = client_for(cast.viewer).get(LIST).content.decode()
    assert "No base model yet" in html
    assert "manage.py register_base NAME FOLDER --workspace team" in html


@pytest.mark.usefixtures("version")
def test_the_list_names_the_newest_revision_and_counts_adapters(cast, client_for):
    newest = register_tiny_base(cast.team, seed=1)
    html = client_for(cast.viewer).get(LIST).content.decode()
    assert 'href="/w/team/bases/tiny/"' in html
    assert 'href="/w/team/bases/tiny/r/2/"' in html
    assert newest.weights_root in html
    assert '<td class="text-end numeric">1</td>' in html


def test_a_base_model_shows_its_revisions_and_leads_to_a_job(cast, client_for, tiny_base):
    second = register_tiny_base(cast.team, seed=1)
    html = client_for(cast.editor).get(DETAIL).content.decode()
    assert tiny_base.weights_root in html
    assert second.weights_root in html
    assert 'href="/w/team/jobs/new?base=tiny%402"' in html
    assert "jobs/new" not in client_for(cast.viewer).get(DETAIL).content.decode()


def test_a_revision_shows_digests_files_modules_and_what_was_made_on_it(cast, client_for, version):
    revision = version.base_revision
    html = client_for(cast.viewer).get(REVISION).content.decode()
    for digest in (
        revision.weights_root,
        revision.arch_digest,
        revision.tokenizer_digest,
        revision.chat_template_digest,
    ):
        assert digest in html
    for file in revision.files:
        assert file["path"] in html
        assert file["sha256"] in html
    for module in revision.linear_modules:
        assert f"<code>{module}</code>" in html
    assert 'href="/w/team/adapters/adder/v/1/"' in html
    assert "made by the tests" in html


def test_a_revision_without_adapters_says_so(cast, client_for, tiny_base):
    html = client_for(cast.viewer).get(REVISION).content.decode()
    assert "None yet" in html
    assert f"r{tiny_base.number}" in html


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("url", [LIST, DETAIL, REVISION])
def test_an_outsider_finds_nothing(cast, client_for, url):
    assert client_for(cast.outsider).get(url).status_code == 404
    assert client_for(cast.outsider).get(url.replace("team", "elsewhere")).status_code == (200 if url == LIST else 404)


@pytest.mark.usefixtures("tiny_base")
@pytest.mark.parametrize("url", ["/w/team/bases/other/", REVISION.replace("1", "2"), REVISION.replace("1", "9" * 30)])
def test_what_is_not_there_is_not_found(cast, client_for, url):
    assert client_for(cast.viewer).get(url).status_code == 404


@pytest.mark.parametrize("more", [1, 6])
def test_the_pages_cost_the_same_however_much_there_is(
    client_for, tiny_base, tmp_path, django_assert_num_queries, more
):
    workspace = tiny_base.base_model.workspace
    for index in range(more):
        register_tiny_base(workspace, name=f"b{index}")
        make_version(tiny_base, tmp_path / "a", key=f"job-{index}")
    client = client_for(workspace.members.get(username="viewer"))
    client.get(LIST)
    signed_in = 3  # session, user, membership
    with django_assert_num_queries(signed_in + 5):  # count, base models, newest revisions, adapters on them, imports
        client.get(LIST)
    with django_assert_num_queries(signed_in + 3):  # base model, count, revisions
        client.get(DETAIL)
    with django_assert_num_queries(signed_in + 5):  # revision, count, adapters with their aliases and tags
        client.get(REVISION)
