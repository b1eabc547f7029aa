"""Queueing a job."""

import pytest

from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import InvalidFields, UserError
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.create_job import create_job
from tests.jobs.makers import make_job, make_version


@pytest.fixture
def order(cast):
    """What a person sends, complete and right."""
    make_version(cast.team, cast.owner)
    return {"adapter": "adder", "dataset": "sums", "base_model": "tiny", "config": {"r": 8}}


def test_a_job_keeps_the_whole_config_and_waits(cast, tiny_base, order):
    job = create_job(cast.access(cast.editor), **order)
    assert (job.number, job.state, job.config["r"], job.config["lora_alpha"]) == (1, "queued", 8, 64)
    assert job.created_by == cast.editor


def test_jobs_are_numbered_within_their_workspace(cast, tiny_base):
    assert [make_job(cast.access(cast.editor), tiny_base).number for _ in range(3)] == [1, 2, 3]


def test_a_viewer_cannot_queue(cast, tiny_base, order):
    with pytest.raises(UserError) as error:
        create_job(cast.access(cast.viewer), **order)
    assert (error.value.code, error.value.status) == ("not_allowed", 403)


def test_an_outsider_sees_neither_the_dataset_nor_the_base(cast, tiny_base, order):
    with pytest.raises(InvalidFields) as error:
        create_job(cast.access(cast.outsider), **order)
    assert set(error.value.errors) == {"dataset", "base_model"}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"adapter": "No Name!"}, "invalid_name", "adapter"),
        ({"dataset": "nowhere"}, "dataset_not_found", "dataset"),
        ({"dataset": "sums@9"}, "dataset_version_not_found", "dataset"),
        ({"base_model": "nowhere"}, "base_model_not_found", "base_model"),
        ({"config": {"target_modules": ["qq_proj"]}}, "unknown_target_module", "config.target_modules"),
        ({"config": {"r": 0}}, "invalid_fields", "config.r"),
        ({"config": {"learning_rate": "abc"}}, "invalid_fields", "config.learning_rate"),
        ({"config": {"rank": 8}}, "invalid_fields", "config.rank"),
    ],
)
def test_each_mistake_has_its_code_and_field_and_saves_nothing(cast, tiny_base, order, change, code, field):
    with pytest.raises(UserError) as error:
        create_job(cast.access(cast.editor), **(order | change))
    assert (error.value.code, error.value.field, error.value.status) == (code, field, 422)
    assert not Job.objects.exists()


def test_several_mistakes_come_together(cast, tiny_base, order):
    wrong = order | {"adapter": "", "dataset": "nowhere", "config": {"r": 0, "learning_rate": "abc"}}
    with pytest.raises(InvalidFields) as error:
        create_job(cast.access(cast.editor), **wrong)
    assert set(error.value.errors) == {"adapter", "dataset", "config.r", "config.learning_rate"}
    assert error.value.errors["config.learning_rate"] == "“abc” is not a number."


@pytest.mark.parametrize(
    ("form", "method", "instead"),
    [
        (
            "preference",
            None,
            "Choose “Preferences (DPO)” or “Reward model”, or a dataset of the form “chat”, “sharegpt”",
        ),
        ("kto", "sft", "Choose “Marked answers (KTO)”, or a dataset of the form “chat”"),
        ("preference", "kto", "or a dataset of the form “kto”."),
        ("text", "dpo", "Choose “Supervised fine-tuning (SFT)”, or a dataset of the form “preference”."),
    ],
)
def test_rows_that_the_method_does_not_learn_from_are_refused_with_what_would_do(
    cast, tiny_base, order, form, method, instead
):
    version = DatasetVersion.objects.get()
    version.row_form = form
    version.save()
    config = {"method": method} if method else {}
    with pytest.raises(UserError) as error:
        create_job(cast.access(cast.editor), **(order | {"dataset": str(version), "config": config}))
    assert (error.value.code, error.value.field) == ("form_not_trainable", "dataset")
    assert instead in error.value.message
    assert not Job.objects.exists()


@pytest.mark.parametrize(("form", "method"), [("preference", "dpo"), ("preference", "reward"), ("kto", "kto")])
def test_rows_that_the_method_learns_from_are_taken(cast, tiny_base, order, form, method):
    version = DatasetVersion.objects.get()
    version.row_form = form
    version.save()
    create_job(cast.access(cast.editor), **(order | {"dataset": str(version), "config": {"method": method}}))
    assert Job.objects.get().config["method"] == method


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"method": "kto", "per_device_train_batch_size": 1}, "config.per_device_train_batch_size"),
        ({"method": "dpo", "loss_type": "exo_pair"}, "config.label_smoothing"),
        ({"method": "dpo", "target_modules": ["q_proj", "lm_head"]}, "config.target_modules"),
    ],
)
def test_options_that_do_not_go_with_the_method_are_told_beside_them(cast, tiny_base, order, config, field):
    with pytest.raises(UserError) as error:
        create_job(cast.access(cast.editor), **(order | {"config": config}))
    assert field in getattr(error.value, "errors", {error.value.field: ""})
    assert not Job.objects.exists()
