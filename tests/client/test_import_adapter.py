"""An adapter that was made elsewhere is imported for the base that a person names; `test_docs.py` waits for one."""

import shutil

import pytest

from adapters.models import AdapterImport
from graft import GraftError
from tests.client.fitting import fitting_adapter
from tests.served import light_worker


@pytest.fixture
def worker(people):
    with light_worker():
        yield


@pytest.fixture
def folder(tmp_path):
    return fitting_adapter(tmp_path / "made")


def test_an_archive_and_what_a_worker_fetches_are_queued(graft, base, folder, share):
    archive = shutil.make_archive(str(folder.parent / "packed"), "zip", folder)
    share(folder.parent)
    for place in ([archive], ["--shared", "models:made"], ["--hub", "team/adapter@v2"]):
        said = graft("adapters", "import", "elsewhere", *place, "--base", "tiny@1", "--no-wait")
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith("queued as import ")
    first, second, third = AdapterImport.objects.order_by("id")
    assert [file["file_name"] for file in first.source["files"]] == ["packed.zip"]
    assert (second.source["kind"], second.source["path"]) == ("shared", "made")
    assert (third.source["kind"], third.source["revision"]) == ("hub", "v2")


def test_why_it_is_refused_is_said(graft, base, worker, folder, share):
    share(folder.parent)
    said = graft("adapters", "import", "elsewhere", "--shared", "models:nothing", "--base", "tiny")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("Error: ")
    assert graft("adapters", "list").out == ""


def test_the_base_must_be_named_and_be_there(client, graft, base, folder):
    assert graft("adapters", "import", "elsewhere", folder).code == 2
    with pytest.raises(GraftError) as caught:
        client.adapters.import_from("elsewhere", folder, base="nothing", wait=False)
    assert caught.value.code == "base_model_not_found"
