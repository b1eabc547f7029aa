"""The page of a base upgrade: what is chosen counts on the button, and one click queues it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems

# Three versions of one adapter and an imported one of another, on a base that then gets other weights.
PREPARE = """
import tempfile
from pathlib import Path
from adapters.models import Alias
from finetune_app.accounts.access import workspace_access
from finetune_app.accounts.models import User, Workspace
from tests.adapters import bases
from tests.adapters.makers import make_version
from tests.tiny_base import register_tiny_base
from tests.upgrades.makers import make_trained
team = Workspace.objects.get(slug="team")
access = workspace_access(User.objects.get(memberships__workspace=team), "team")
base = register_tiny_base(team, name="{name}")
folder = Path(tempfile.mkdtemp())
made = [make_trained(access, base, folder, adapter="{name}", seed=seed) for seed in (1, 2, 3)]
Alias.objects.create(adapter=made[0].adapter, name="production", version=made[0])
make_version(base, folder / "foreign", name="{name}-foreign", key="{name}", origin="imported")
bases.register_changed(team, bases.other_weights, name="{name}")
"""
END = """
from finetune_app.jobs.models import Job
Job.objects.filter(adapter_name="{name}", state="queued").update(state="cancelled")
"""


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1440, "light")])
def test_chosen_versions_are_queued_by_one_click(stack, browser, signed_in, rest, width, theme):
    name = f"moving-{width}"
    stack.manage("shell", "-c", PREPARE.replace("{name}", name))
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto(f"/w/team/bases/{name}/r/2/upgrade/")
    button = page.get_by_role("button", name="Queue 2 retrainings")
    expect(button).to_be_visible()
    expect(page.get_by_label(f"Retrain {name}@2")).not_to_be_checked()
    shot(page, f"upgrade-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_label(f"Retrain {name}@1").uncheck()
    expect(page.get_by_role("button", name="Queue 1 retraining")).to_be_enabled()
    page.get_by_label(f"Retrain {name}@3").uncheck()
    expect(page.get_by_role("button", name="Queue 0 retrainings")).to_be_disabled()
    page.get_by_label(f"Retrain {name}@1").check()
    page.get_by_role("button", name="Queue 1 retraining").click()
    expect(page.get_by_role("status").first).to_contain_text("Queued 1 retraining: job")
    expect(page.get_by_label(f"Retrain {name}@1")).to_have_count(0)
    shot(page, f"upgrade-queued-{width}-{theme}")
    context.close()
    stack.manage("shell", "-c", END.replace("{name}", name))
    assert problems == []
