"""What holds for all templates: known icons, and nothing that the content security policy would block."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = sorted((settings.ROOT / "templates").rglob("*.html"))
SOURCES = sorted(path for folder in ("finetune_app", "adapters") for path in (settings.ROOT / folder).rglob("*.py"))
ICONS = (settings.ROOT / "finetune_app/web/icons.txt").read_text().split()
USES = [
    re.compile(r"""{%\s*icon ["']([a-z0-9-]+)["']"""),
    re.compile(r"""\b(?:icon|symbol)=["']([a-z0-9-]+)["']"""),
]


def name_of(path: Path) -> str:
    return str(path.relative_to(settings.ROOT))


def test_every_icon_that_is_used_is_built():
    used = {
        (name, name_of(path))
        for path in [*TEMPLATES, *SOURCES]
        for pattern in USES
        for name in pattern.findall(path.read_text())
    }
    assert not {(name, where) for name, where in used if name not in ICONS}


def test_the_list_of_icons_is_in_order_and_without_repeats():
    assert sorted(set(ICONS)) == ICONS


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_load_nothing_inline_and_nothing_from_elsewhere(path):
    text = re.sub(r"{%.*?%}|{{.*?}}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"<style", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.search(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))", text)
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_text_that_keeps_its_line_breaks_gets_none_from_the_template(path):
    assert not re.search(r'class="(?:[^"]* )?(?:row-text|sample-text)(?: [^"]*)?"\s*>\s', path.read_text())
