"""A base that is built by Python of its own: pinned, not run before an admin allows it, and only for that revision."""

import json

import pytest

from adapters.fingerprint import fingerprint
from adapters.models import BaseRevision
from adapters.services.trust_base_code import trust_base_code
from finetune_app.errors import UserError
from finetune_app.jobs.services.create_job import create_job
from tests.adapters.bases import register_changed
from tests.jobs.makers import make_version
from tests.tiny import make_tiny_base, tiny_base

PAGE, REST = "/w/team/bases/own/r/1/", "/api/v1/base-models/own/revisions/1"


def with_code(reference: str = "modeling_own.OwnModel", text: str = "class OwnModel: ..."):
    def change(folder) -> None:
        config = json.loads((folder / "config.json").read_text())
        config["auto_map"] = {"AutoModelForCausalLM": reference}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "modeling_own.py").write_text(text)

    return change


@pytest.fixture
def own(cast) -> BaseRevision:
    return register_changed(cast.team, with_code(), name="own")


def test_its_files_are_kept_and_part_of_its_digests(cast, own, tmp_path):
    assert (own.has_code, own.trust_remote_code) == (True, False)
    assert "modeling_own.py" in [file["path"] for file in own.files]
    other = register_changed(cast.team, with_code(text="class OwnModel: 1"), name="own")
    assert other.number == 2
    assert other.arch_digest != own.arch_digest
    assert other.weights_root == own.weights_root


def test_python_that_no_config_names_is_neither_kept_nor_counted(tmp_path):
    make_tiny_base(tmp_path)
    (tmp_path / "setup.py").write_text("print()")
    found = fingerprint(tmp_path)
    assert not found.has_code
    assert found.arch_digest == fingerprint(tiny_base()).arch_digest


def test_the_config_of_a_tokenizer_counts_too(cast):
    def change(folder) -> None:
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config["auto_map"] = {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "tokenization_own.py").write_text("class OwnTokenizer: ...")

    assert register_changed(cast.team, change).has_code


def test_a_job_on_it_is_refused_until_an_admin_allows_it(cast, own):
    make_version(cast.team, cast.owner)
    access = cast.access(cast.editor)
    order = {"adapter": "adder", "dataset": "sums", "base_model": "own@1", "config": {"r": 8}}
    with pytest.raises(UserError) as caught:
        create_job(access, **order)
    assert (caught.value.code, caught.value.field) == ("base_code_not_allowed", "base_model")
    trust_base_code(cast.access(cast.owner), own, allowed=True)
    assert create_job(access, **order).base_revision == own


def test_only_an_admin_decides_and_it_is_said_who(cast, own, client_for, api):
    for person in (cast.editor, cast.viewer):
        assert client_for(person).post(f"{PAGE}code", {"allowed": "yes"}).status_code == 403
        refused = api(person).patch(REST, {"trust_remote_code": True}, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert "Allow this code to run" not in client_for(person).get(PAGE).content.decode()
    assert client_for(cast.outsider).post(f"{PAGE}code", {"allowed": "yes"}).status_code == 404
    browser = client_for(cast.owner)
    assert "Allow this code to run" in browser.get(PAGE).content.decode()
    browser.post(f"{PAGE}code", {"allowed": "yes"})
    own.refresh_from_db()
    assert (own.trust_remote_code, own.code_decided_by) == (True, cast.owner)
    html = client_for(cast.viewer).get(PAGE).content.decode()
    assert "owner allowed it" in " ".join(html.split())
    answer = api(cast.owner).patch(REST, {"trust_remote_code": False}, content_type="application/json")
    assert answer.json()["trust_remote_code"] is False


def test_it_holds_for_one_revision(cast, own):
    trust_base_code(cast.access(cast.owner), own, allowed=True)
    other = register_changed(cast.team, with_code(text="class OwnModel: 1"), name="own")
    assert not other.trust_remote_code


def test_code_of_another_repository_is_never_allowed(cast):
    own = register_changed(cast.team, with_code("someone/else--modeling_own.OwnModel"), name="own")
    with pytest.raises(UserError) as caught:
        trust_base_code(cast.access(cast.owner), own, allowed=True)
    assert caught.value.code == "base_code_elsewhere"


def test_a_base_without_code_has_nothing_to_allow(cast, tiny_base):
    with pytest.raises(UserError) as caught:
        trust_base_code(cast.access(cast.owner), tiny_base, allowed=True)
    assert caught.value.code == "base_has_no_code"
