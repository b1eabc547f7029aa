"""The tags and filters that all templates use."""

from datetime import timedelta

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone

from finetune_app.web.templatetags import graft


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (269_000_000, "256.5 MiB"), (3 * 2**40, "3.0 TiB"), (None, "–")],
)
def test_bytes_are_in_binary_units(value, text):
    assert graft.bytes_(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (80, "1 min 20 s"), (7260, "2 h 1 min"), (90_000, "1 d 1 h"), (None, "–")],
)
def test_durations_read_like_a_clock(value, text):
    assert graft.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.931, "93.1\u00a0%"), (1, "100\u00a0%"), (0, "0\u00a0%"), (None, "–")])
def test_shares_become_percent(value, text):
    assert graft.percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "just now"), (61, "1 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")]
)
def test_times_say_how_long_ago(seconds, text):
    assert graft.ago(timezone.now() - timedelta(seconds=seconds)) == text


def test_digests_and_numbers_are_short_and_readable():
    assert graft.shortsha("0123456789abcdef") == "0123456789ab"
    assert graft.thousands(1234567) == "1,234,567"
    assert graft.share(1, 3) == 33
    assert graft.share(5, 0) == 0


def test_an_icon_is_hidden_from_screen_readers():
    html = Template('{% icon "database" "me-2" %}').render(Context())
    assert 'aria-hidden="true"' in html
    assert "vendor/icons.svg#database" in html
    assert 'class="icon me-2"' in html


def test_wurl_fills_in_the_workspace(cast):
    html = Template("{% wurl 'jobs:detail' number=7 %}").render(Context({"workspace": cast.team}))
    assert html == "/w/team/jobs/7/"


def test_wurl_outside_a_workspace_is_a_mistake_that_is_noticed():
    with pytest.raises(TemplateSyntaxError, match="belongs to no workspace"):
        Template("{% wurl 'jobs:list' %}").render(Context())


def test_the_footer_shows_the_version_of_the_project():
    request = RequestFactory().get("/")
    assert "Graft 0." in Template('{% include "components/footer.html" %}').render(Context({"request": request}))
