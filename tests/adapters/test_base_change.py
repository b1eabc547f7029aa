"""A new base revision says what it changes of the one before it, and an adapter may be put on it or is refused."""

import pytest

from adapters.fits import difference, require_fits, require_identity_fits
from adapters.manifest import Manifest
from adapters.states import ChangeKind
from finetune_app.errors import UserError
from tests.adapters import bases
from tests.adapters.makers import make_version

pytestmark = pytest.mark.django_db
SOFT = {"chat_template": ["chat template"], "tokenizer_added": ["added tokens"]}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (bases.other_template, ChangeKind.CHAT_TEMPLATE),
        (bases.added_token, ChangeKind.TOKENIZER_ADDED),
        (bases.swapped_ids, ChangeKind.TOKENIZER),
        (bases.other_special_token, ChangeKind.TOKENIZER),
        (bases.other_weights, ChangeKind.WEIGHTS),
        (bases.lost_layer, ChangeKind.ARCHITECTURE),
        (bases.other_rope, ChangeKind.ARCHITECTURE),
    ],
)
def test_the_change_is_told_and_only_a_hard_one_forbids(cast, tiny_base, tmp_path, change, kind):
    version = make_version(tiny_base, tmp_path / "adapter")
    newer = bases.register_changed(cast.team, change)
    newer.refresh_from_db()
    assert (newer.number, newer.change) == (2, kind)
    if kind in SOFT:
        assert require_fits(version, newer, field="base_model") == SOFT[kind]
    else:
        with pytest.raises(UserError, match=r"adder@1 was trained on tiny@1; tiny@2 differs from it in its") as refused:
            require_fits(version, newer, field="base_model")
        assert (refused.value.code, refused.value.field) == ("adapter_of_other_base", "base_model")


def test_what_is_beside_the_model_makes_no_new_revision(cast, tiny_base):
    assert bases.register_changed(cast.team, bases.other_metadata) == tiny_base
    assert difference(tiny_base, tiny_base).kind is ChangeKind.METADATA


def test_the_gravest_change_is_told_and_all_of_them_are_named(cast, tiny_base, tmp_path):
    def change(folder):
        bases.other_weights(folder)
        bases.swapped_ids(folder)
        bases.other_template(folder)

    version = make_version(tiny_base, tmp_path / "adapter")
    newer = bases.register_changed(cast.team, change)
    assert newer.change is ChangeKind.WEIGHTS
    with pytest.raises(UserError, match="in its weights and its tokenizer"):
        require_fits(version, newer, field="base_model")


def test_an_adapter_from_elsewhere_is_checked_against_the_base_that_its_files_name(cast, tiny_base, tmp_path):
    version = make_version(tiny_base, tmp_path / "adapter")
    identity = Manifest.model_validate(version.manifest).base
    newer = bases.register_changed(cast.team, bases.other_weights)
    assert require_identity_fits("The adapter", identity, tiny_base, field="base_revision") == []
    with pytest.raises(UserError, match="The adapter says which base it was trained on; tiny@2 differs") as refused:
        require_identity_fits("The adapter", identity, newer, field="base_revision")
    assert refused.value.code == "adapter_of_other_base"


def test_a_tokenizer_that_the_storage_lost_counts_as_another_one(cast, tiny_base, tmp_path):
    from finetune_app.storage import blobs

    version = make_version(tiny_base, tmp_path / "adapter")
    blobs.delete(next(file["sha256"] for file in tiny_base.files if file["path"] == "tokenizer.json"))
    with_emptied_cache()
    newer = bases.register_changed(cast.team, bases.added_token)
    with pytest.raises(UserError, match="in its tokenizer"):
        require_fits(version, newer, field="base_model")
    with_emptied_cache()


def with_emptied_cache():
    from adapters import fits

    fits._difference.cache_clear()
