"""The options of a new job: the method follows the dataset, and what does not go together is said at once."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import shot, watch_for_problems

PAIRS = "".join(
    f"{json.dumps({'prompt': f'What is {i} + 1?', 'chosen': str(i + 1), 'rejected': str(i)})}\n" for i in range(12)
)


@pytest.fixture(scope="module", autouse=True)
def pairs(stack):
    """A dataset of preferences beside that of conversations."""
    with stack.client() as rest:
        answer = rest.post("/datasets", data={"name": "pairs"}, files={"file": ("pairs.jsonl", PAIRS.encode())})
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1440, "light")])
def test_the_method_follows_the_dataset_and_remarks_come_at_once(stack, browser, signed_in, width, theme):
    context = browser.new_context(
        base_url=stack.address, storage_state=signed_in, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    problems = watch_for_problems(page)
    page.goto("/w/team/jobs/new?dataset=support@1")
    method = page.get_by_label("Method", exact=True)
    expect(method).to_have_value("sft")
    page.get_by_label("Rank (r)").fill("24")
    expect(page.locator("#job-summary")).to_contain_text("--max-lora-rank 32")

    page.get_by_label("Dataset", exact=True).select_option("pairs@1")
    expect(method).to_have_value("dpo")
    expect(page.get_by_label("Beta")).to_have_value("0.1")
    expect(page.get_by_label("Rank (r)")).to_have_value("24")
    method.select_option("reward")
    expect(page.get_by_label("Beta")).to_have_count(0)
    method.select_option("dpo")
    expect(page.get_by_label("Beta")).to_be_visible()

    page.locator("summary", has_text="LoRA variants").click()
    page.get_by_label("DoRA (use_dora)").check()
    expect(page.locator("#job-summary")).to_contain_text("vLLM does not serve DoRA adapters")
    page.locator("#id_quantization").select_option("int8")
    expect(page.locator("#job-summary")).to_contain_text("DoRA does not work on a base in int8")
    page.locator("summary", has_text="Single modules").click()
    page.get_by_label("Ranks of single modules").fill("q_proj = 8\nup_proj = 4")
    shot(page, f"job-options-{width}-{theme}")
    page.get_by_label("Adapter name").fill("pairs")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator("#id_use_dora_error")).to_contain_text("DoRA does not work on a base in int8")
    expect(page.locator("#id_rank_pattern_error")).to_contain_text("“up_proj” is none of the target modules.")
    expect(page.get_by_label("Ranks of single modules")).to_have_value("q_proj = 8\nup_proj = 4")
    expect(page.get_by_label("Method", exact=True)).to_have_value("dpo")
    shot(page, f"job-options-errors-{width}-{theme}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert problems == []
