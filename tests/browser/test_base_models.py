"""A base model's folder is sent by the browser and becomes a revision; a second one is compared with it."""

import shutil

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems
from tests.tiny import tiny_base

PREPARE = """
from finetune_app.accounts.models import Workspace
from tests.adapters import bases
from tests.tiny import tiny_tensors, write_safetensors
from tests.tiny_base import register_tiny_base
team = Workspace.objects.get(slug="team")
register_tiny_base(team, name="{name}")
def change(folder):
    write_safetensors(folder / "model.safetensors", tiny_tensors(1))
    bases.other_template(folder)
    bases.added_token(folder)
bases.register_changed(team, change, name="{name}")
"""


def test_a_folder_is_sent_and_becomes_a_revision(page, tmp_path):
    folder = shutil.copytree(tiny_base(), tmp_path / "Sent Model")
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    page.goto("/w/team/bases/")
    page.get_by_role("link", name="Register a base model").first.click()
    page.get_by_role("link", name="Upload files").click()
    page.locator("[name=folder]").set_input_files(folder)
    expect(page.get_by_text("6 files")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("sent-model")
    shot(page, "base-upload")
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url("**/bases/sent-model/r/1/", timeout=60_000)
    expect(page.get_by_text("sent-model@1 is registered.")).to_be_visible()


def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_sent_twice(page, tmp_path):
    folder = shutil.copytree(tiny_base(), tmp_path / "again")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PATCH" else None)
    page.goto("/w/team/bases/new/upload")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a name")
    page.locator("[name=folder]").set_input_files(folder)
    page.get_by_label("Name").fill("Not a name")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be a name")
    before = len(sent)
    page.get_by_label("Name").fill("again")
    page.get_by_role("button", name="Upload and check").click()
    page.wait_for_url("**/bases/again/r/1/", timeout=60_000)
    assert len(sent) == before


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1440, "light")])
def test_two_revisions_are_compared(stack, browser, signed_in, width, theme):
    name = f"compared-{width}"
    stack.manage("shell", "-c", PREPARE.replace("{name}", name))
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    for path in ("new", "new/shared", f"{name}/", f"{name}/r/2/"):
        page.goto(f"/w/team/bases/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        shot(page, f"base-{path.replace('/', '-').strip('-').replace(name, 'own')}-{width}-{theme}")
    page.get_by_role("link", name="What changed").click()
    expect(page.get_by_text("model.layers 0–1")).to_be_visible()
    expect(page.get_by_text("It only adds")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot(page, f"base-compare-{width}-{theme}")
    context.close()
    assert problems == []
