"""“Will it fit?”: a job that does not fit is mended by a click."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems

# Enough for the driver and the tiny base, not for a large batch of rows.
ANNOUNCE = """
from django.utils import timezone
from finetune_app.fleet.models import Worker
Worker.objects.update_or_create(name="small@host", defaults=dict(
    kind="cuda", device="NVIDIA T4", memory_bytes=780 * 2**20, has_bf16=False, cores=2, gpus=1,
    started_at=timezone.now(), seen_at=timezone.now() + timezone.timedelta(hours=1)))
"""
LEAVE = "from finetune_app.fleet.models import Worker; Worker.objects.filter(name='small@host').delete()"


@pytest.fixture
def small_gpu(stack):
    """A worker with a GPU of little memory has announced itself."""
    stack.manage("shell", "-c", ANNOUNCE.replace("timezone.timedelta", "__import__('datetime').timedelta"))
    yield
    stack.manage("shell", "-c", LEAVE)


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (1280, "dark")])
def test_a_click_makes_the_job_fit(stack, browser, signed_in, small_gpu, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto("/w/team/jobs/new?dataset=support@1&base=tiny@1")
    card = page.locator(".job-plan-device", has_text="NVIDIA T4")
    expect(card).to_be_visible()
    page.get_by_label("Fit to the device").uncheck()
    page.get_by_label("Batch size per device").fill("1024")
    expect(card).to_contain_text("does not fit")
    expect(card).to_contain_text("It would fit with")
    card.scroll_into_view_if_needed()
    shot(page, f"job-plan-does-not-fit-{width}-{theme}")
    card.get_by_role("button", name="Change it so").click()
    expect(card).not_to_contain_text("does not fit")
    assert int(page.get_by_label("Batch size per device").input_value()) < 1024
    page.locator(".job-plan-parts summary").click()
    card.scroll_into_view_if_needed()
    shot(page, f"job-plan-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert problems == []
