"""What asking for a merge checks, what it chooses by itself, and that asking twice makes one."""

import hashlib

import pytest

from adapters.models import AdapterVersion
from adapters.services.retire_version import retire_version
from finetune_app.errors import InvalidFields, NotFound, UserError
from finetune_app.merges.models import MergedModel
from finetune_app.merges.services.cancel_merge import cancel_merge
from finetune_app.merges.services.delete_merged_model import delete_merged_model
from finetune_app.merges.services.request_merge import request_merge
from finetune_app.work.run_task import claim_next_task
from finetune_app.work.states import TaskState
from tests.adapters.at_once import at_once
from tests.adapters.bases import edit_json, other_template, other_weights, register_changed
from tests.adapters.makers import make_version, write_adapter
from tests.jobs.makers import ROWS
from tests.jobs.makers import make_version as make_rows

QLORA = {"quantization": "nf4", "bnb_4bit_use_double_quant": True, "r": 2}


@pytest.fixture
def version(cast, tiny_base, tmp_path):
    return make_version(tiny_base, tmp_path / "adapter", user=cast.editor)


@pytest.fixture
def editor(cast):
    return cast.access(cast.editor)


def merge(access, version, *, base="", dataset="", **options):
    return request_merge(access, version, options=options, base=base, dataset=dataset)


def refused(access, version, **asked):
    with pytest.raises(UserError) as caught:
        merge(access, version, **asked)
    assert MergedModel.objects.count() == 0
    return caught.value


def with_peft_config(base, folder, **changes):
    """A version whose adapter_config.json says this."""
    write_adapter(folder)
    edit_json(folder / "adapter_config.json", lambda config: config.update(changes))
    return make_version(base, folder)


def test_it_is_queued_for_the_base_it_was_trained_on_in_the_bases_own_precision(editor, version, tiny_base):
    found = merge(editor, version)
    assert (found.number, found.state, found.base_revision) == (1, TaskState.QUEUED, tiny_base)
    assert found.options == {"dtype": "bfloat16", "onto": "original", "compare_ways": False, "prompts": 64}
    assert claim_next_task("light@here") is None
    assert claim_next_task("train@here", on_gpu=True) == found


def test_the_rows_it_was_trained_with_prove_it_while_they_are_as_they_were(cast, editor, tiny_base, tmp_path):
    rows = make_rows(cast.team, cast.editor)
    known = {"dataset": "sums", "dataset_version": rows.number, "dataset_sha256": hashlib.sha256(ROWS).hexdigest()}
    same = make_version(tiny_base, tmp_path / "a", key="job-1", **known)
    assert merge(editor, same).dataset_version == rows
    other = make_version(tiny_base, tmp_path / "a", key="job-2", **known | {"dataset_sha256": "0" * 64})
    assert merge(editor, other).dataset_version is None
    assert merge(editor, other, dataset="sums@1").dataset_version == rows


def test_asking_twice_gives_the_same_merged_model(editor, version):
    first = merge(editor, version)
    assert merge(editor, version, dtype="bfloat16", base="tiny@1") == first
    second = merge(editor, version, dtype="float32")
    assert (second.number, MergedModel.objects.count()) == (2, 2)


def test_the_number_of_one_that_was_deleted_is_not_given_again(editor, version):
    delete_merged_model(editor, cancel_merge(editor, merge(editor, version)))
    assert merge(editor, version).number == 2


def test_one_that_failed_is_tried_again_under_its_number(editor, version):
    first = merge(editor, version)
    cancel_merge(editor, first)
    again = merge(editor, version)
    assert (again.pk, again.state, again.error) == (first.pk, TaskState.QUEUED, "")
    assert MergedModel.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_asks_at_the_same_moment_gets_the_same_one_or_another_number(cast, version):
    def ask(index):
        return merge(cast.access(cast.editor), version, prompts=64 + index % 2)

    found = at_once(4, ask)
    assert sorted({(one.pk, one.number) for one in found}) == sorted(MergedModel.objects.values_list("pk", "number"))
    assert sorted(MergedModel.objects.values_list("number", flat=True)) == [1, 2]


def test_only_editors_may_ask(cast, version):
    assert refused(cast.access(cast.viewer), version).code == "not_allowed"


def test_a_version_that_is_out_of_use_is_refused(editor, version):
    retire_version(editor, version, reason="Its answers were wrong.")
    assert refused(editor, AdapterVersion.objects.get()).code == "adapter_version_retired"


def test_a_revision_with_other_weights_is_refused_and_one_with_another_template_is_not(cast, editor, version):
    register_changed(cast.team, other_weights)
    error = refused(editor, version, base="tiny@2")
    assert (error.code, error.field) == ("adapter_of_other_base", "base_model")
    newer = register_changed(cast.team, other_template)
    assert merge(editor, version, base=str(newer)).base_revision == newer


def test_a_base_with_code_needs_the_permission(cast, editor, version, tiny_base):
    type(tiny_base).objects.update(has_code=True)
    version = AdapterVersion.objects.get()
    error = refused(editor, version)
    assert (error.code, error.field) == ("base_code_not_allowed", "base_model")


def test_a_base_that_is_quantized_already_is_refused(cast, editor, tmp_path):
    packed = {"quantization_config": {"quant_method": "gptq"}}
    base = register_changed(
        cast.team, lambda folder: edit_json(folder / "config.json", lambda config: config.update(packed))
    )
    error = refused(editor, make_version(base, tmp_path / "a"))
    assert (error.code, error.field) == ("base_quantized", "base_model")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"peft_type": "IA3"}, "adapter_not_lora"),
        ({"task_type": "SEQ_CLS"}, "adapter_not_causal"),
    ],
)
def test_only_lora_of_models_that_write_text_is_merged(editor, tiny_base, tmp_path, changes, code):
    assert refused(editor, with_peft_config(tiny_base, tmp_path / "a", **changes)).code == code


def test_a_reward_model_is_refused(editor, tiny_base, tmp_path):
    version = make_version(tiny_base, tmp_path / "a", config={"method": "reward", "r": 2})
    error = refused(editor, version)
    assert error.code == "adapter_not_causal"
    assert "reward model" in error.message


def test_wrong_options_are_named_with_a_sentence_each(editor, version):
    with pytest.raises(InvalidFields) as caught:
        merge(editor, version, prompts=3, dtype="int3", rank=4)
    errors = caught.value.errors
    assert errors["options.prompts"] == "Must be 64 or more."
    assert "bfloat16" in errors["options.dtype"]
    assert errors["options.rank"] == "There is no such option."


def test_only_an_adapter_trained_in_4_bits_can_be_added_to_such_weights(editor, version):
    error = refused(editor, version, onto="quantized")
    assert (error.code, error.field) == ("not_trained_quantized", "options.onto")


def test_a_qlora_adapter_is_measured_both_ways_and_a_loftq_one_goes_onto_the_rounded_weights(
    editor, tiny_base, tmp_path
):
    plain = make_version(tiny_base, tmp_path / "a", key="job-1", config=QLORA)
    assert merge(editor, plain).options | {"prompts": 0} == {
        "dtype": "bfloat16",
        "onto": "original",
        "compare_ways": True,
        "prompts": 0,
    }
    made_up = make_version(tiny_base, tmp_path / "a", key="job-2", config=QLORA | {"init_lora_weights": "loftq"})
    assert merge(editor, made_up).options["onto"] == "quantized"


def test_what_is_not_there_is_said_beside_its_field(editor, version):
    with pytest.raises(NotFound) as base:
        merge(editor, version, base="tiny@9")
    with pytest.raises(NotFound) as rows:
        merge(editor, version, dataset="nothing")
    assert [(one.value.field, one.value.status) for one in (base, rows)] == [("base_model", 422), ("dataset", 422)]


def test_it_says_what_it_is_made_of_in_its_key(editor, version, cast):
    key = merge(editor, version).key
    make_rows(cast.team, cast.editor)
    others = {merge(editor, version, prompts=65).key, merge(editor, version, dataset="sums").key}
    assert len({key, *others}) == 3
