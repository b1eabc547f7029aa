"""The page that imports an adapter by upload: the base is hinted at, files are sent, and the worker's word is shown."""

import pytest
from playwright.sync_api import Page, expect

from tests.adapters.peft_adapters import copy_of, peft_adapter
from tests.browser.conftest import shot, watch_for_problems

PREPARE = """
from finetune_app.accounts.models import Workspace
from tests.tiny_base import register_tiny_base
team = Workspace.objects.get(slug="team")
register_tiny_base(team, name="import-base")
register_tiny_base(team, name="another-base", seed=3)
"""
WORKER_MS = 120_000  # it starts the training libraries


@pytest.fixture(scope="module")
def bases(stack):
    stack.manage("shell", "-c", PREPARE)


def choose(page: Page, folder) -> None:
    page.goto("/w/team/adapters/")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("Archive or files").set_input_files(sorted(folder.iterdir()))


def test_a_folders_files_become_a_version_on_the_hinted_base(bases, page, tmp_path):
    adapter = copy_of(peft_adapter(), tmp_path / "adapter", base_model_name_or_path="lab/Import-Base")
    choose(page, adapter)
    expect(page.get_by_label("Base model")).to_have_value("import-base@1")
    expect(page.get_by_text("calls its base “lab/Import-Base”. Check that import-base@1 is that one.")).to_be_visible()
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("alert")).to_have_text("Enter a name for the adapter.")
    page.get_by_label("Name").fill("from-the-lab")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("Notes").fill("Trained in the lab on last year's letters.")
    shot(page, "import-adapter-1440-light")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", name="Import of from-the-lab")).to_be_visible()
    expect(page.get_by_text("from-the-lab@1 is registered, bound to import-base@1.")).to_be_visible(timeout=WORKER_MS)
    shot(page, "import-adapter-done-1440-light")


def test_a_pickle_is_refused_with_the_way_to_convert_it(bases, stack, browser, signed_in, tmp_path):
    adapter = copy_of(peft_adapter(), tmp_path / "adapter", base_model_name_or_path="someone/else")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    context = browser.new_context(
        base_url=stack.address,
        storage_state=signed_in,
        viewport={"width": 390, "height": 900},
        color_scheme="dark",
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    choose(page, adapter)
    expect(page.get_by_text("no base model here has that name")).to_be_visible()
    page.get_by_label("Name").fill("pickled")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("Choose the base that the adapter was trained on.").first).to_be_visible()
    shot(page, "import-adapter-390-dark")
    page.get_by_label("Base model").select_option("import-base@1")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("save_pretrained(new_folder)")).to_be_visible(timeout=WORKER_MS)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.get_by_role("link", name="import them anew")).to_be_visible()
    shot(page, "import-adapter-refused-390-dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Delete the files").click()
    expect(page.get_by_text("was given up; nothing was saved")).to_be_visible()
    context.close()
    assert problems == []
