"""The components that the pages are made of."""

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from finetune_app.jobs.states import AttemptState, JobState


def render(name, **values):
    return Template(f'{{% include "components/{name}.html" %}}').render(Context(values))


class EveryField(forms.Form):
    r = forms.IntegerField(min_value=1, help_text="The rank.", widget=forms.NumberInput(attrs={"class": "mine"}))
    bias = forms.ChoiceField(choices=[("none", "None"), ("all", "All")])
    packing = forms.BooleanField(required=False, help_text="Joins rows.")
    file = forms.FileField(required=False)
    modules = forms.MultipleChoiceField(
        choices=[("q", "q_proj"), ("v", "v_proj")], widget=forms.CheckboxSelectMultiple, help_text="Where."
    )
    preset = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect)
    secret = forms.CharField(required=False, widget=forms.HiddenInput)


@pytest.mark.parametrize("state", [*JobState, *AttemptState])
def test_every_state_has_a_badge(state):
    assert state.value.capitalize() in render("badge", state=state)


def test_a_wrong_value_is_explained_beside_its_field():
    html = render("field", field=EveryField({"r": "0"})["r"])
    assert 'class="form-control mine is-invalid"' in html
    assert 'aria-describedby="id_r_helptext id_r_error"' in html
    assert 'id="id_r_error"' in html
    assert 'id="id_r_helptext"' in html
    assert "greater than or equal to 1" in html


@pytest.mark.parametrize(
    ("name", "class_"),
    [
        ("bias", "form-select"),
        ("packing", "form-check-input"),
        ("file", "form-control"),
        ("preset", "form-check-input"),
    ],
)
def test_every_kind_of_control_gets_its_classes(name, class_):
    html = render("field", field=EveryField()[name])
    assert f'class="{class_}"' in html
    assert f'for="id_{name}' in html


def test_a_group_of_choices_is_a_fieldset_with_its_error():
    html = render("field", field=EveryField({})["modules"])
    assert "<fieldset" in html
    assert 'aria-describedby="id_modules_helptext id_modules_error"' in html
    assert html.count("form-check-input is-invalid") == 2
    assert "This field is required." in html


def test_a_hidden_field_has_no_label():
    assert "<label" not in render("field", field=EveryField()["secret"])


def test_an_empty_list_says_what_to_do():
    html = render("empty", icon="database", title="No dataset", text="Upload one.", url="/new", action="Upload")
    assert "No dataset" in html
    assert 'href="/new"' in html


def test_text_is_escaped():
    assert "<b>" not in render("problem", title="<b>", text="<b>")


def test_a_time_carries_the_exact_moment():
    now = timezone.now()
    html = render("time", value=now)
    assert now.strftime("%Y-%m-%dT%H:%M") in html
    assert "just now" in html
    assert render("time", value=None).strip() == "–"


def test_a_digest_is_short_but_copied_whole():
    html = render("digest", value="a" * 64)
    assert f">{'a' * 12}<" in html
    assert f'data-copy="{"a" * 64}"' in html


def test_progress_of_unknown_size_has_no_value():
    html = render("progress", done=0, total=0, label="Loading")
    assert "value=" not in html
    assert 'aria-label="Loading"' in html


def test_progress_says_how_far():
    html = render("progress", done=30, total=120, label="Training")
    assert 'value="30" max="120"' in html
    assert "25 %" in html


def test_the_pager_keeps_the_filter():
    page = Paginator(range(100), 10).page(2)
    html = render("pager", page=page, request=RequestFactory().get("/jobs/?state=failed&page=2"))
    assert "?state=failed&amp;page=3" in html
    assert "11–20 of 100" in html


def test_one_page_needs_no_pager():
    assert not render("pager", page=Paginator(range(3), 10).page(1)).strip()
