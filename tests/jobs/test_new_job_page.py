"""Setting up a job in the browser."""

import re

import pytest

from adapters.models import Adapter, BaseModel, BaseRevision
from finetune_app.jobs.config_options import OPTIONS
from finetune_app.jobs.methods.sft import SFTOptions
from finetune_app.jobs.models import Job
from finetune_app.jobs.presets import PRESETS
from tests.jobs.makers import make_job, make_version
from tests.pages import words
from tests.tiny_base import register_tiny_base

PAGE = "/w/team/jobs/new"


@pytest.fixture
def browser(cast, tiny_base):
    """The editor's browser, in a workspace with one base model and one dataset."""
    make_version(cast.team, cast.owner)
    return cast.client(cast.editor)


def filled(html):
    """Every field of the form as the browser would send it: name → value, or list of values."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if not name or (re.search(r'type="(?:checkbox|radio)"', tag) and "checked" not in tag):
            continue
        found.setdefault(name[1], []).append(value[1] if value else "on" if "checkbox" in tag else "")
    for name, body in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        found[name] = [chosen[1] if chosen else ""]
    found.pop("csrfmiddlewaretoken", None)
    return found


def error_beside(response, field):
    """The sentence beside the field."""
    html = response.content.decode()
    found = re.search(rf'id="(?:id_)?{field}[_-]error"[^>]*>\s*<div>(.*?)</div>', html, re.DOTALL)
    return found[1] if found else None


@pytest.fixture
def form(browser):
    """What the untouched form sends, but for the adapter's name, which it asks for."""
    return filled(browser.get(PAGE).content.decode()) | {"adapter": "adder"}


def test_every_option_of_the_config_is_in_the_form_with_its_words(browser):
    html = browser.get(PAGE).content.decode()
    for option in OPTIONS.values():
        assert f'name="{option.name}"' in html
        assert option.title in html


def test_the_untouched_form_is_a_job_with_the_defaults(browser, form):
    response = browser.post(PAGE, form)
    job = Job.objects.get()
    assert response["Location"] == f"/w/team/jobs/{job.number}/"
    assert SFTOptions(**job.config) == SFTOptions()
    assert (job.adapter_name, str(job.dataset_version), str(job.base_revision)) == ("adder", "sums@1", "tiny@1")


def test_what_there_is_only_one_of_is_chosen_already(form):
    assert (form["base_model"], form["dataset"]) == (["tiny@1"], ["sums@1"])


def test_a_link_chooses_dataset_and_base(cast, browser):
    make_version(cast.team, cast.owner, "poems")
    register_tiny_base(cast.team, name="other", seed=1)
    sent = filled(browser.get(f"{PAGE}?dataset=poems@1&base=other@1").content.decode())
    assert (sent["dataset"], sent["base_model"]) == (["poems@1"], ["other@1"])


def test_usual_modules_come_first_and_are_ticked(form, browser):
    assert form["target_modules"] == ["q_proj", "v_proj"]
    html = browser.get(PAGE).content.decode()
    order = re.findall(r'name="target_modules" value="([^"]+)"', html)
    assert order[:3] == ["q_proj", "v_proj", "k_proj"]


def test_typed_values_reach_the_job(browser, form):
    typed = {"r": "8", "lora_alpha": "20", "learning_rate": "2e-3", "quantization": "none", "packing": "on"}
    browser.post(PAGE, form | typed | {"target_modules": ["k_proj"]})
    config = SFTOptions(**Job.objects.get().config)
    assert (config.r, config.lora_alpha, config.learning_rate) == (8, 20, 2e-3)
    assert (config.quantization, config.packing, config.target_modules) == ("none", True, ["k_proj"])


def test_a_switch_that_was_turned_off_is_off(browser, form):
    del form["completion_only_loss"]
    browser.post(PAGE, form)
    assert Job.objects.get().config["completion_only_loss"] is False


def test_all_linear_layers_wins_over_the_ticks(browser, form):
    browser.post(PAGE, form | {"all_linear": "on"})
    assert Job.objects.get().config["target_modules"] == "all-linear"


def test_steps_are_used_instead_of_epochs_only_when_chosen(browser, form):
    browser.post(PAGE, form | {"duration": "steps", "max_steps": "40", "num_train_epochs": "nonsense"})
    browser.post(PAGE, form | {"duration": "epochs", "max_steps": "40", "num_train_epochs": "2"})
    by_steps, by_epochs = Job.objects.order_by("number")
    assert by_steps.config["max_steps"] == 40
    assert (by_epochs.config["max_steps"], by_epochs.config["num_train_epochs"]) == (None, 2)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("learning_rate", "abc", "“abc” is not a number."),
        ("r", "0", "Must be 1 or more."),
        ("r", "", "Enter a whole number; the default is 32."),
        ("lora_dropout", "", "Enter a number; the default is 0.05."),
        ("seed", "-1", "Must be 0 or more."),
        ("adapter", "No Name!", None),
        ("adapter", "", "Enter a name for the adapter."),
        ("dataset", "", "Choose a dataset."),
        ("base_model", "nowhere@1", "There is no base model “nowhere” in this workspace."),
        ("bias", "some", None),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_nothing_is_lost_or_saved(browser, form, field, value, sentence):
    response = browser.post(PAGE, form | {"max_length": "777", field: value})
    assert response.status_code == 422
    assert error_beside(response, field)
    if sentence:
        assert error_beside(response, field) == sentence
    kept = filled(response.content.decode())
    assert kept["max_length"] == ["777"]
    if field not in {"base_model", "bias"}:  # a select cannot show what it does not offer
        assert kept[field] == [value]
    assert not Job.objects.exists()


def test_all_mistakes_are_said_at_once(browser, form):
    response = browser.post(PAGE, form | {"r": "x", "seed": "", "adapter": "?", "target_modules": []})
    assert all(error_beside(response, name) for name in ("r", "seed", "adapter", "target-modules"))


def test_steps_must_be_entered_when_they_are_chosen(browser, form):
    response = browser.post(PAGE, form | {"duration": "steps", "max_steps": ""})
    assert error_beside(response, "max_steps") == "Enter a whole number."
    assert filled(response.content.decode())["duration"] == ["steps"]


def test_a_module_that_the_base_lacks_is_named_and_stays_visible(browser, form):
    response = browser.post(PAGE, form | {"target_modules": ["q_proj", "w_pack"]})
    assert "has no module “w_pack”" in error_beside(response, "target-modules")
    assert filled(response.content.decode())["target_modules"] == ["q_proj", "w_pack"]


def test_more_options_open_only_for_an_error_in_them(browser, form):
    assert not re.search(r"<details[^>]* open", browser.get(PAGE).content.decode())
    html = browser.post(PAGE, form | {"weight_decay": "x"}).content.decode()
    assert len(re.findall(r"<details[^>]* open", html)) == 1


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_fills_the_form(browser, form, preset):
    html = browser.get(f"{PAGE}/options", {"preset": preset.name, "base_model": "tiny@1"}).content.decode()
    browser.post(PAGE, {name: form[name] for name in ("base_model", "dataset", "adapter")} | filled(html))
    assert SFTOptions(**Job.objects.get().config) == preset.config()


def test_a_preset_ticks_what_the_base_has(cast, browser):
    register_tiny_base(cast.team, name="gpt", seed=2)
    BaseRevision.objects.filter(base_model__name="gpt").update(linear_modules=["c_attn", "c_proj"])
    html = browser.get(f"{PAGE}/options", {"preset": "classic-7b", "base_model": "gpt@1"}).content.decode()
    assert filled(html)["target_modules"] == ["c_attn"]


def test_another_base_brings_its_own_modules_and_keeps_the_ticks_it_knows(cast, browser):
    BaseRevision.objects.filter(base_model__name="tiny").update(linear_modules=["q_proj", "o_proj"])
    query = {"base_model": "tiny@1", "target_modules": ["o_proj", "gate_proj"], "all_linear": "on"}
    sent = filled(browser.get(f"{PAGE}/modules", query).content.decode())
    assert (sent["target_modules"], sent["all_linear"]) == (["o_proj"], ["on"])


def test_the_side_panel_counts_rows_batch_and_steps(browser, form):
    version = make_version(BaseModel.objects.get().workspace, None, "many")
    type(version).objects.filter(pk=version.pk).update(rows=330, train_rows=300, held_out_rows=30)
    query = form | {"dataset": "many@1", "per_device_train_batch_size": "8", "gradient_accumulation_steps": "2"}
    text = words(browser.get(f"{PAGE}/summary", query).content.decode())
    assert "300 of 330 rows" in text
    assert "16 rows = 8 × 2" in text
    assert "Steps in total 57" in text


def test_the_side_panel_says_what_is_wrong(browser, form):
    html = browser.get(f"{PAGE}/summary", form | {"r": "many"}).content.decode()
    assert "Rank (r): “many” is not a whole number." in html


def test_a_known_adapter_gets_its_next_version(cast, browser, form):
    Adapter.objects.create(workspace=cast.team, name="adder")
    assert "this job makes its version 1" in words(browser.get(f"{PAGE}/summary", form).content.decode())
    assert "exists" not in browser.get(f"{PAGE}/summary", form | {"adapter": "new-one"}).content.decode()


def test_a_job_can_be_cloned(cast, browser, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base, r=7, lora_alpha=21, max_steps=5, target_modules=["k_proj"])
    sent = filled(browser.get(f"{PAGE}?from={job.number}").content.decode())
    browser.post(PAGE, sent)
    clone = Job.objects.latest("id")
    assert clone.pk != job.pk
    assert (clone.config, clone.adapter_name) == (job.config, job.adapter_name)


def test_alpha_keeps_the_ratio_of_the_job_it_came_from(cast, browser, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base, r=8, lora_alpha=8)
    assert 'data-ratio="1"' in browser.get(f"{PAGE}?from={job.number}").content.decode()
    assert 'data-ratio="2"' in browser.get(PAGE).content.decode()


def test_alpha_set_by_hand_stays_so_after_an_error(browser, form):
    html = browser.post(PAGE, form | {"lora_alpha": "5", "alpha_by_hand": "1", "r": "x"}).content.decode()
    assert filled(html)["alpha_by_hand"] == ["1"]
    assert 'data-ratio="2"' in html


def test_without_data_the_page_leads_to_the_upload(cast):
    html = cast.client(cast.editor).get(PAGE).content.decode()
    assert "/w/team/datasets/new" in html
    assert "/w/team/bases/" in html
    assert "<form id=" not in html


@pytest.mark.parametrize("path", ["", "/options", "/modules", "/summary"])
def test_a_viewer_may_not_set_up_a_job(cast, path):
    assert cast.client(cast.viewer).get(PAGE + path).status_code == 403


def test_a_viewer_may_not_send_the_form(cast, browser, form):
    assert cast.client(cast.viewer).post(PAGE, form).status_code == 403
    assert not Job.objects.exists()


def test_an_outsider_finds_nothing(cast, browser, form):
    outsider = cast.client(cast.outsider)
    assert outsider.get(PAGE).status_code == 404
    assert outsider.post(PAGE, form).status_code == 404


def test_jobs_of_other_workspaces_cannot_be_cloned(cast, browser, tiny_base):
    job = make_job(cast.access(cast.editor), tiny_base)
    assert cast.client(cast.outsider).get(f"/w/elsewhere/jobs/new?from={job.number}").status_code == 404
