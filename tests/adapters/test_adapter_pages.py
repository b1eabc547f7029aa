"""The adapter pages: what a person finds on them, and that nobody else finds it."""

import pytest

from adapters.manifest import Ancestor
from adapters.models import AdapterVersion
from tests.adapters.makers import make_version
from tests.pages import words
from tests.tiny_base import register_tiny_base

LIST, DETAIL, VERSION = "/w/team/adapters/", "/w/team/adapters/adder/", "/w/team/adapters/adder/v/1/"


def test_an_empty_list_leads_to_a_new_job(cast, client_for):
    html = client_for(cast.editor).get(LIST).content.decode()
    assert "No adapter yet" in html
    assert 'href="/w/team/jobs/new"' in html
    assert 'href="/w/team/jobs/new"' not in client_for(cast.viewer).get(LIST).content.decode()


def test_the_list_names_the_newest_version_with_its_score_and_base(cast, client_for, version, tmp_path):
    make_version(version.base_revision, tmp_path / "2", key="job-2")
    html = client_for(cast.viewer).get(LIST).content.decode()
    assert 'href="/w/team/adapters/adder/"' in html
    assert 'href="/w/team/adapters/adder/v/2/"' in html
    assert 'href="/w/team/adapters/adder/v/1/"' not in html
    assert 'href="/w/team/bases/tiny/r/1/"' in html
    assert "0 % → 96.7 %" in words(html)


def test_the_adapter_made_last_comes_first(cast, client_for, tiny_base, tmp_path):
    for name in ("alpha", "beta", "alpha"):
        make_version(tiny_base, tmp_path / "a", name=name, key=f"job-{AdapterVersion.objects.count()}")
    html = client_for(cast.viewer).get(LIST).content.decode()
    assert html.index("/adapters/alpha/") < html.index("/adapters/beta/")


def test_the_filter_narrows_by_name_and_brings_the_table_alone(cast, client_for, version, tmp_path):
    make_version(version.base_revision, tmp_path / "2", key="job-2", name="support-json")
    viewer = client_for(cast.viewer)
    html = viewer.get(LIST, {"q": "JSON"}).content.decode()
    assert "/adapters/support-json/" in html
    assert "/adapters/adder/" not in html
    assert 'value="JSON"' in html
    part = viewer.get(LIST, {"q": "json"}, headers={"hx-request": "true"})
    assert part.content.decode().strip().startswith('<div class="card" id="adapter-table">')
    assert "HX-Request" in part["Vary"]
    assert words(part.content.decode()).endswith("1 adapter")


def test_a_filter_that_fits_nothing_says_so(cast, client_for, version):
    html = client_for(cast.viewer).get(LIST, {"q": version.adapter.name + "<x>"}).content.decode()
    assert "No adapter has this in its name" in html
    assert "<x>" not in html


def test_an_adapter_shows_all_its_versions(cast, client_for, version, tmp_path):
    make_version(version.base_revision, tmp_path / "2", key="job-2", scores=None)
    html = client_for(cast.editor).get(DETAIL).content.decode()
    for link in (
        "adapters/adder/v/1/",
        "adapters/adder/v/2/download",
        "datasets/sums/v/2/",
        "jobs/7/",
        "jobs/new?adapter=adder",
    ):
        assert f'href="/w/team/{link}"' in html
    assert "not scored" in html


def test_a_version_shows_how_to_get_and_use_it(cast, client_for, version):
    html = client_for(cast.viewer).get(VERSION).content.decode()
    assert 'href="/w/team/adapters/adder/v/1/download"' in html
    assert "http://testserver/api/v1/adapters/adder/versions/1/download" in html
    assert "PeftModel.from_pretrained(base, &quot;adder-v1&quot;)" in html
    for file in [*version.manifest["files"], {"path": "manifest.json", "sha256": version.manifest_sha256}]:
        assert f'href="/w/team/adapters/adder/v/1/files/{file["path"]}"' in html
        assert file["sha256"] in html


def test_a_version_shows_what_it_is_bound_to_and_where_it_came_from(cast, client_for, version):
    html = client_for(cast.viewer).get(VERSION).content.decode()
    base = version.base_revision
    for digest in (base.weights_root, base.arch_digest, base.tokenizer_digest, base.chat_template_digest):
        assert digest in html
    for link in ("bases/tiny/r/1/", "datasets/sums/v/2/", "jobs/7/"):
        assert f'href="/w/team/{link}"' in html
    text = words(html)
    for fact in (
        "target_modules [&quot;q_proj&quot;, &quot;v_proj&quot;]",
        "peft 0.21.2",
        "peak_memory.ram 123",
        "Seed 42",
    ):
        assert fact in text
    for score in ("Exact match 0 % to 96.7 %", "Loss 3.200 to 0.081", "30 held-out rows", "Where is my parcel?"):
        assert score in text


def test_a_version_names_its_method_its_ancestor_and_its_best_step(cast, client_for, tiny_base, tmp_path):
    first = make_version(tiny_base, tmp_path / "first")
    ancestor = Ancestor(adapter="adder", version=1, manifest_sha256=first.manifest_sha256)
    facts = {"best_step": 40, "steps": 60}
    make_version(tiny_base, tmp_path / "second", key="job-2", continues=ancestor, facts=facts)
    html = client_for(cast.viewer).get("/w/team/adapters/adder/v/2/").content.decode()
    assert 'href="/w/team/adapters/adder/v/1/"' in html
    text = words(html)
    assert "Method SFT" in text
    assert "Continued from adder v1" in text
    assert "Best step 40 of 60" in text


def test_a_version_without_scores_or_facts_has_a_whole_page(cast, client_for, tiny_base, tmp_path):
    make_version(tiny_base, tmp_path / "a", scores=None, facts={}, libraries={}, job=None)
    text = words(client_for(cast.viewer).get(VERSION).content.decode())
    assert "No held-out rows were scored" in text
    assert "Libraries" not in text


def test_an_answer_of_a_model_is_text_and_not_markup(cast, client_for, tiny_base, tmp_path):
    sample = {"prompt": "<script>p</script>", "expected": "<b>", "base": "<i>", "tuned": "<b>"}
    make_version(tiny_base, tmp_path / "a", scores={"rows": 1, "base": {}, "tuned": {"loss": 1.0}, "samples": [sample]})
    html = client_for(cast.viewer).get(VERSION).content.decode()
    assert "<script>p" not in html
    assert "&lt;script&gt;p" in html


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("url", [LIST, DETAIL, VERSION])
def test_an_outsider_finds_nothing(cast, client_for, url):
    assert client_for(cast.outsider).get(url).status_code == 404
    assert client_for(cast.outsider).get(url.replace("team", "elsewhere")).status_code == (200 if url == LIST else 404)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    "url", [DETAIL.replace("adder", "other"), VERSION.replace("1", "2"), VERSION.replace("1", "9" * 30)]
)
def test_what_is_not_there_is_not_found(cast, client_for, url):
    assert client_for(cast.viewer).get(url).status_code == 404


@pytest.mark.parametrize("adapters", [1, 6])
def test_the_pages_cost_the_same_however_much_there_is(
    client_for, tiny_base, tmp_path, django_assert_num_queries, adapters
):
    for index in range(adapters):
        make_version(tiny_base, tmp_path / "a", key=f"job-{index}", name=f"a{index}")
        make_version(tiny_base, tmp_path / "a", key=f"job-b{index}", name="adder")
    register_tiny_base(tiny_base.base_model.workspace, name="more")
    client = client_for(tiny_base.base_model.workspace.members.get(username="viewer"))
    client.get(LIST)
    signed_in = 3  # session, user, membership
    with django_assert_num_queries(
        signed_in + 7
    ):  # count, adapters, newest versions with aliases and tags, aliases, imports
        client.get(LIST)
    with django_assert_num_queries(
        signed_in + 9
    ):  # adapter, count, versions, their aliases and tags, retired; aliases, last and newest moves
        client.get(DETAIL)
    with django_assert_num_queries(
        signed_in + 7
    ):  # version, its aliases, all aliases, tags, descendants, newest base, merged models
        client.get(VERSION)
