"""How versions changed the weights: asked for once, measured by the real child, shown on the page and over REST."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from adapters.models import RegistryTask
from finetune_app.work.states import TaskState
from tests.comparison.makers import make_two, run_registry_task
from tests.pages import words

pytestmark = pytest.mark.django_db(transaction=True)
PART, REST = "/w/team/compare/deltas", "/api/v1/adapters/compare/deltas"
NAME = "base_model.model.model.layers.0.self_attn.q_proj"
HTMX = {"hx-request": "true"}


def change(folder, alpha, rank):
    tensors = load_file(folder / "adapter_model.safetensors")
    return alpha / rank * tensors[f"{NAME}.lora_B.weight"] @ tensors[f"{NAME}.lora_A.weight"]


@pytest.fixture
def changes(tiny_base, tmp_path):
    """ΔW of `adder@1` and `adder@2`."""
    make_two(tiny_base, tmp_path)
    return change(tmp_path / "1", 4, 2), change(tmp_path / "2", 4, 4)


def test_rest_gives_norms_and_cosines_once_a_worker_has_measured_them(cast, changes):
    rest = cast.api(cast.viewer)
    waiting = rest.get(REST, {"v": ["adder@1", "adder@2"]})
    assert waiting.status_code == 202
    assert waiting.json()["state"] == "queued"
    assert run_registry_task().state == TaskState.SUCCEEDED
    answer = rest.get(waiting.json()["url"])
    assert answer.status_code == 200
    found = answer.json()
    assert found["modules"] == ["model.layers.0.self_attn.q_proj"]
    first, second = changes
    assert [one["norm"] for one in found["versions"]] == pytest.approx(
        [np.linalg.norm(one) for one in changes], rel=1e-5
    )
    cosine = np.sum(first * second) / np.linalg.norm(first) / np.linalg.norm(second)
    assert found["pairs"][0]["cosine"] == pytest.approx(cosine, rel=1e-4)
    assert (found["pairs"][0]["first"], found["pairs"][0]["second"]) == ("adder@1", "adder@2")


def test_the_same_versions_in_another_order_are_not_measured_again(cast, changes):
    rest = cast.api(cast.viewer)
    rest.get(REST, {"v": ["adder@1", "adder@2"]})
    run_registry_task()
    turned = rest.get(REST, {"v": ["adder", "adder@1"]})
    assert turned.status_code == 200
    assert [one["version"] for one in turned.json()["versions"]] == ["adder@2", "adder@1"]
    assert turned.json()["versions"][1]["norm"] == pytest.approx(np.linalg.norm(changes[0]), rel=1e-5)
    assert RegistryTask.objects.count() == 1


def test_the_page_waits_for_the_worker_and_shows_strips_and_the_matrix(cast, changes):
    browser = cast.client(cast.viewer)
    waiting = browser.get(PART, {"v": ["adder@1", "adder@2"]}, headers=HTMX).content.decode()
    assert 'hx-trigger="every 1s"' in waiting
    assert "Waiting for a worker" in waiting
    run_registry_task()
    done = browser.get(PART, {"v": ["adder@1", "adder@2"]}, headers=HTMX).content.decode()
    assert "every 1s" not in done
    assert "q_proj" in done
    assert f'title="{np.linalg.norm(changes[0]):.3g}"' in done
    assert "Cosine with adder@1 by layer" in words(done)


def test_what_failed_is_tried_again_on_a_click(cast, changes):
    browser = cast.client(cast.viewer)
    browser.get(PART, {"v": ["adder@1", "adder@2"]}, headers=HTMX)
    RegistryTask.objects.update(state=TaskState.FAILED, error="The disk is full.", error_code="disk_full")
    failed = browser.get(PART, {"v": ["adder@1", "adder@2"]}, headers=HTMX).content.decode()
    assert "The disk is full." in failed
    assert "hx-post" in failed
    assert RegistryTask.objects.get().state == TaskState.FAILED
    assert cast.api(cast.viewer).get(REST, {"v": ["adder@1", "adder@2"]}).json()["error"]["code"] == "disk_full"
    browser.post(f"{PART}?v=adder@1&v=adder@2", headers=HTMX)
    assert RegistryTask.objects.get().state == TaskState.QUEUED


def test_a_version_that_was_deleted_meanwhile_ends_the_task_with_that_reason(cast, changes):
    cast.api(cast.viewer).get(REST, {"v": ["adder@1", "adder@2"]})
    from adapters.models import AdapterVersion

    AdapterVersion.objects.filter(number=1).delete()
    task = run_registry_task()
    assert (task.state, task.error_code) == (TaskState.FAILED, "version_deleted")
