"""Single files straight from the S3 storage, where the settings say so."""

import hashlib
import urllib.request

import pytest

from finetune_app.storage.direct import direct_address

REST = "/api/v1/adapters/adder/versions/1/files/adapter_model.safetensors"
PAGE = "/w/team/adapters/adder/v/1/files/adapter_model.safetensors"


@pytest.fixture
def direct(storage, settings, request) -> bool:
    """Graft on either storage with the setting on; whether files can come from the storage."""
    settings.DIRECT_DOWNLOADS = True
    return request.node.callspec.params["storage"] == "s3"


def test_a_program_is_sent_to_the_storage_and_gets_the_file_without_a_token(direct, version, cast, downloads_for):
    answer = downloads_for(cast.viewer).get(REST)
    [sha256] = [file["sha256"] for file in version.manifest["files"] if file["path"] == "adapter_model.safetensors"]
    if not direct:
        assert (answer.status, hashlib.sha256(answer.body).hexdigest()) == (200, sha256)
        return
    assert (answer.status, answer.body) == (307, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    address = answer.headers["Location"]
    assert "SECRET" not in address
    with urllib.request.urlopen(address, timeout=10) as got:
        whole = got.read()
    assert hashlib.sha256(whole).hexdigest() == sha256
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Range": "bytes=8-15"}), timeout=10) as got:
        assert (got.status, got.read()) == (206, whole[8:16])


def test_what_graft_can_answer_itself_it_does(direct, version, cast, downloads_for):
    program = downloads_for(cast.viewer)
    head = program.head(REST)
    assert head.status == 200
    assert int(head.headers["Content-Length"]) > 0
    assert program.get(REST, if_none_match=head.headers["ETag"]).status == 304
    assert program.get(REST.replace("adapter_model", "none")).status == 404
    assert downloads_for(cast.outsider).get(REST).status == 404


def test_browsers_and_archives_come_through_graft(direct, version, cast, downloads_for):
    browser = downloads_for(cast.viewer)
    assert browser.get(PAGE).status == 200
    assert browser.get("/api/v1/adapters/adder/versions/1/download?format=tar").status == 200


def test_an_alias_leads_there_as_well(direct, version, cast, downloads_for):
    version.adapter.aliases.create(name="production", version=version)
    answer = downloads_for(cast.viewer).get(REST.replace("versions/1", "versions/production"))
    assert answer.status == (307 if direct else 200)


def test_without_the_setting_nothing_leads_to_the_storage(storage, settings, version, cast, downloads_for):
    assert settings.DIRECT_DOWNLOADS is False
    assert downloads_for(cast.viewer).get(REST).status == 200
    assert direct_address("0" * 64) is None
