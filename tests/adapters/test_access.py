"""Base models and adapters are found by name in one's own workspace, and nowhere else."""

import pytest

from adapters.access import find_base_revision, get_adapter, get_adapter_version, get_base_model, get_base_revision
from finetune_app.errors import NotFound, UserError
from tests.tiny_base import register_tiny_base


def test_a_name_means_the_newest_revision_and_a_number_that_one(cast, tiny_base):
    second = register_tiny_base(cast.team, seed=1)
    viewer = cast.access(cast.viewer)
    assert find_base_revision(viewer, "tiny") == second
    assert find_base_revision(viewer, " tiny@1 ") == tiny_base
    assert get_base_revision(viewer, "tiny", 2) == second


@pytest.mark.usefixtures("tiny_base")
@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("other", "base_model_not_found"),
        ("other@1", "base_model_not_found"),
        ("tiny@2", "base_revision_not_found"),
        ("tiny@999999999", "base_revision_not_found"),
        ("tiny@x", "invalid_reference"),
        ("tiny@", "invalid_reference"),
        ("", "base_model_not_found"),
    ],
)
def test_a_reference_that_means_nothing_is_an_error_beside_its_field(cast, reference, code):
    with pytest.raises(UserError) as caught:
        find_base_revision(cast.access(cast.viewer), reference, field="base")
    assert (caught.value.code, caught.value.field, caught.value.status) == (code, "base", 422)


@pytest.mark.usefixtures("version")
def test_an_outsider_finds_none_of_it(cast):
    outsider = cast.access(cast.outsider)
    for find in (
        lambda: get_base_model(outsider, "tiny"),
        lambda: get_base_revision(outsider, "tiny", 1),
        lambda: find_base_revision(outsider, "tiny"),
        lambda: get_adapter(outsider, "adder"),
        lambda: get_adapter_version(outsider, "adder", 1),
    ):
        with pytest.raises(NotFound):
            find()
