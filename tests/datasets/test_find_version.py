"""`name` means the newest version and `name@2` that one; nothing of another workspace is found."""

import pytest

from finetune_app.accounts.access import Access
from finetune_app.datasets.access import find_version, get_version, newest_versions_of
from finetune_app.datasets.services.upload_dataset import upload_dataset
from finetune_app.errors import UserError
from tests.cast import Cast
from tests.datasets.makers import chat, jsonl, upload_file


@pytest.fixture
def editor(cast: Cast) -> Access:
    access = cast.access(cast.editor)
    for name, question in (("support", "a?"), ("support", "b?"), ("sales", "c?")):
        upload_dataset(access, name=name, file=upload_file(jsonl(chat(question))))
    return access


def test_a_name_means_its_newest_version(editor: Access) -> None:
    assert str(find_version(editor, "support")) == "support@2"
    assert str(find_version(editor, " support@1 ")) == "support@1"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("nothing", "dataset_not_found"),
        ("", "dataset_not_found"),
        ("support@3", "dataset_version_not_found"),
        ("support@x", "invalid_reference"),
        ("support@", "invalid_reference"),
    ],
)
def test_what_is_not_there_is_an_error_beside_the_field(editor: Access, reference: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        find_version(editor, reference, field="dataset")
    assert (caught.value.code, caught.value.field, caught.value.status) == (code, "dataset", 422)


@pytest.mark.usefixtures("editor")
def test_other_workspaces_do_not_exist(cast: Cast) -> None:
    outside = cast.access(cast.outsider)
    with pytest.raises(UserError, match="no dataset"):
        find_version(outside, "support")
    with pytest.raises(UserError, match="no dataset"):
        get_version(outside, "support", 1)
    assert not newest_versions_of(outside).exists()


def test_the_list_has_the_newest_version_of_each(editor: Access) -> None:
    assert [str(version) for version in newest_versions_of(editor)] == ["sales@1", "support@2"]
