"""Keeping house where everything is real: a whole job leaves nothing in the storage that nothing names."""

import pytest

from tests.journey.fixtures import queue, wait_for

pytestmark = pytest.mark.journey


def unnamed(stack):
    """How many blobs nothing names, as the command line counts them."""
    lines = stack.manage("collect_garbage", "--dry-run").splitlines()
    counts = [int(line.split()[-3].replace(",", "")) for line in lines if line.startswith("Nothing names it")]
    assert len(counts) > 1, lines
    return sum(counts)


def test_a_job_from_upload_to_adapter_leaves_nothing_unnamed(stack, rest):
    content = b"".join(b'{"prompt": "%d+1?", "completion": "%d"}\n' % (number, number + 1) for number in range(30))
    before = unnamed(stack)
    assert rest.post("/datasets", data={"name": "named"}, files={"file": ("rows.jsonl", content)}).status_code == 201
    number = queue(rest, "named", dataset="named", save_steps=3, max_steps=3)
    assert wait_for(rest, number)["state"] == "succeeded"
    assert unnamed(stack) == before
