"""The files of a merged model: ready lines to use it, or why not to, on screens wide and narrow."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems

PREPARE = """
import tempfile
from pathlib import Path
from finetune_app.accounts.models import Workspace
from finetune_app.merges.states import Verdict
from tests.adapters.makers import make_version
from tests.merges.makers import make_merged_model
from tests.tiny_base import register_tiny_base
base = register_tiny_base(Workspace.objects.get(slug="team"), name="{name}")
version = make_version(base, Path(tempfile.mkdtemp()) / "a", name="{name}", key="{name}")
make_merged_model(version)
make_merged_model(version, verdict=Verdict.REJECTED)
"""


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1440, "light")])
def test_a_verified_one_has_lines_to_use_it_and_a_rejected_one_says_why_not(stack, browser, signed_in, width, theme):
    name = f"served-{width}"
    stack.manage("shell", "-c", PREPARE.replace("{name}", name))
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto(f"/w/team/adapters/{name}/v/1/merged/verified/files")
    expect(page.get_by_label("Lines that use the merged model with vLLM")).to_contain_text(
        f"vllm serve team/{name}-Merged"
    )
    page.get_by_text("transformers", exact=False).first.click()
    expect(page.get_by_label("Lines that use the merged model with transformers")).to_be_visible()
    shot(page, f"merged-files-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with page.expect_download() as download:
        page.get_by_role("link", name="SHA256SUMS").click()
    assert "model.safetensors" in download.value.path().read_text()
    page.goto(f"/w/team/adapters/{name}/v/1/merged/2/files")
    expect(page.get_by_role("alert")).to_contain_text("its proof rejected it")
    shot(page, f"merged-files-rejected-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"/w/team/adapters/{name}/v/1/merged/2/delete")
    page.get_by_role("button", name="Delete the merged model").click()
    expect(page.get_by_role("status").first).to_contain_text(f"merged model 2 of {name}@1 was deleted.")
    context.close()
    assert problems == []
