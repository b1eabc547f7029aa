"""The lines that a version's page shows: all ways are there, and what a person copies works as it stands."""

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from adapters.snippets import fetch_ways
from adapters.verify import verify_folder
from tests.adapters.makers import make_version, write_adapter
from tests.cast import make_cast
from tests.served import served
from tests.tiny_base import register_tiny_base

ROOT = Path(__file__).resolve().parent.parent.parent
NAMED = {
    "workspace": "team",
    "adapter": "adder",
    "version": 1,
    "folder": "adder-v1",
    "base": "tiny",
    "base_revision": 1,
}


def ways(root: str) -> dict[str, str]:
    url = f"{root}/api/v1/adapters/adder/versions/1/download"
    return {way.title: way.lines for way in fetch_ways(root=f"{root}/", url=url, **NAMED)}


def test_the_page_shows_every_way(cast, version, client_for):
    page = client_for(cast.viewer).get("/w/team/adapters/adder/v/1/").content.decode()
    shown = [unescape(lines) for lines in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)]
    for lines in ways("http://testserver").values():
        assert lines in shown


def test_what_is_python_can_be_read_as_python():
    found = ways("https://graft.example.org")
    for title in ("Python", "transformers and peft"):
        compile(found[title], title, "exec")
    assert 'from_pretrained(base, "team/adder", revision="1")' in found["transformers and peft"]
    assert "HF_ENDPOINT=https://graft.example.org " in found["transformers and peft"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["Python", "graft"])
def test_the_copied_lines_fetch_the_version(tmp_path, way):
    people = make_cast()
    version = make_version(register_tiny_base(people.team), write_adapter(tmp_path / "made"))
    token = people.token(people.viewer)
    environment = os.environ | {"NO_PROXY": "127.0.0.1", "GRAFT_CONFIG_DIR": str(tmp_path / "config")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "GRAFT_TOKEN": token,
        "PATH": f"{Path(sys.executable).parent}:/bin:/usr/bin",
    }
    here = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    with served() as root:
        lines = ways(root)[way]
        if way == "Python":
            done = subprocess.run([sys.executable, "-c", lines], check=False, **here)
        else:
            del environment["GRAFT_TOKEN"]
            done = subprocess.run(["sh", "-ec", lines], input=f"{token}\n", check=False, **here)
    assert done.returncode == 0, done.stderr
    assert verify_folder(tmp_path / "adder-v1", manifest_sha256=version.manifest_sha256).is_whole
