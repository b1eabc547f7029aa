"""Setting up a job in the browser."""

import re
from html import escape

import pytest

from adapters.models import Adapter, BaseModel, BaseRevision
from finetune_app.jobs.config_options import OPTIONS_OF
from finetune_app.jobs.methods import METHODS, load_config
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
    for name, body in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', html, re.DOTALL):
        found[name] = [body.removeprefix("\n")]
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


@pytest.mark.parametrize("method", METHODS)
def test_every_option_of_the_method_is_in_the_form_with_its_words(browser, method):
    html = browser.get(f"{PAGE}?method={method}").content.decode()
    for option in OPTIONS_OF[method].values():
        assert f'name="{option.name}"' in html
        assert escape(option.title) in html
    for name in set().union(*OPTIONS_OF.values()) - set(OPTIONS_OF[method]):
        assert f'name="{name}"' not in html


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


def test_lists_and_patterns_are_read_as_people_type_them(browser, form):
    typed = {
        "layers_to_transform": "0-1, 1",
        "modules_to_save": "lm_head, embed_tokens",
        "rank_pattern": "q_proj = 4\nv_proj: 16",
        "eval_steps": "",
    }
    browser.post(PAGE, form | typed)
    config = load_config(Job.objects.get().config)
    assert (config.layers_to_transform, config.modules_to_save) == ([0, 1], ["lm_head", "embed_tokens"])
    assert (config.rank_pattern, config.eval_steps) == ({"q_proj": 4, "v_proj": 16}, None)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("layers_to_transform", "0, two", "“two” is not a whole number."),
        ("rank_pattern", "q_proj = x", "q_proj: “x” is not a whole number."),
        ("rank_pattern", "q_proj", "q_proj: “” is not a whole number."),
        (
            "rank_pattern",
            "down_proj = 4",
            "“down_proj” is none of the target modules. Add it to them, or take it out here.",
        ),
        ("modules_to_save", "lm head*", "“head*” is not a module name."),
        ("eval_steps", "often", "“often” is not a whole number."),
        ("init_lora_weights", "orthogonal", "Orthogonal initial weights need a base without quantization."),
    ],
)
def test_a_mistake_in_an_advanced_option_keeps_what_was_typed(browser, form, field, value, sentence):
    response = browser.post(PAGE, form | {field: value})
    assert error_beside(response, field) == sentence
    assert filled(response.content.decode())[field] == [value]
    assert not Job.objects.exists()


def test_the_method_follows_the_dataset(cast, browser, form):
    version = make_version(cast.team, cast.owner, "pairs")
    type(version).objects.filter(pk=version.pk).update(row_form="preference")
    sent = filled(browser.get(f"{PAGE}?dataset=pairs@1").content.decode())
    assert sent["method"] == ["dpo"]
    chosen = form | {"dataset": "pairs@1", "r": "7", "rank_pattern": "q_proj = 3", "packing": "on"}
    del chosen["preset"]  # the page sends none along here
    html = browser.get(f"{PAGE}/method", chosen).content.decode()
    sent = filled(html)
    assert (sent["method"], sent["beta"], sent["r"]) == (["dpo"], ["0.1"], ["7"])
    assert (sent["rank_pattern"], "packing" in sent) == (["q_proj = 3"], False)
    assert browser.get(f"{PAGE}/method", chosen | {"method": "reward"}).status_code == 204
    browser.post(PAGE, chosen | sent)
    assert (Job.objects.get().config["method"], Job.objects.get().config["beta"]) == ("dpo", 0.1)


def test_a_method_that_cannot_learn_from_the_dataset_is_refused_beside_it(browser, form):
    html = browser.get(f"{PAGE}/options", {"preset": "start-here", "method": "dpo"}).content.decode()
    response = browser.post(PAGE, {**form, **filled(html), "method": "dpo"})
    assert "does not learn from rows of the form" in error_beside(response, "dataset")
    assert filled(response.content.decode())["method"] == ["dpo"]


@pytest.mark.parametrize("method", METHODS)
def test_changing_the_method_keeps_what_both_have(browser, form, method):
    typed = form | {"r": "abc", "duration": "steps", "max_steps": "7", "all_linear": "on", "alpha_by_hand": "1"}
    del typed["completion_only_loss"], typed["preset"]  # the page sends no preset along here
    sent = filled(browser.get(f"{PAGE}/options", typed | {"method": method}).content.decode())
    assert (sent["r"], sent["max_steps"], sent["duration"]) == (["abc"], ["7"], ["steps"])
    assert (sent["all_linear"], sent["alpha_by_hand"], sent["method"]) == (["on"], ["1"], [method])
    assert sent["shown_method"] == [method]
    assert "completion_only_loss" not in sent


def test_the_side_panel_says_what_a_later_step_cannot_use(browser, form):
    assert "vLLM" not in browser.get(f"{PAGE}/summary", form).content.decode()
    html = browser.get(f"{PAGE}/summary", form | {"use_dora": "on", "r": "24"}).content.decode()
    assert "vLLM does not serve DoRA adapters" in html
    assert "--max-lora-rank 32" in html


def test_the_side_panel_says_at_once_what_does_not_go_together(browser, form):
    html = browser.get(f"{PAGE}/summary", form | {"use_dora": "on", "quantization": "int8"}).content.decode()
    assert "DoRA (use_dora): DoRA does not work on a base in int8." in html


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


def test_a_preset_keeps_the_method(browser):
    query = {"preset": "deep-change", "base_model": "tiny@1", "method": "kto"}
    sent = filled(browser.get(f"{PAGE}/options", query).content.decode())
    assert (sent["method"], sent["r"], sent["beta"]) == (["kto"], ["64"], ["0.1"])


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


@pytest.mark.parametrize("path", ["", "/options", "/method", "/modules", "/summary"])
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
