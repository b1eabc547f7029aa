"""The page about the client says what is so: its lines are run from top to bottom, in each of its three languages."""

import inspect
import os
import re
import shlex
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import typer

from adapters.models import AdapterImport, AdapterVersion, Alias, BaseImport
from finetune_app.accounts.models import Workspace
from finetune_app.datasets.models import DatasetVersion
from finetune_app.jobs.models import Job
from finetune_app.jobs.services.cancel_job import cancel_job
from finetune_app.jobs.states import JobState
from finetune_app.merges.models import MergedModel, MergedNumber
from finetune_app.merges.services.request_merge import request_merge
from finetune_app.settings import ROOT
from graft import Client
from graft.cli import app
from tests.adapters.makers import make_version, write_adapter
from tests.client.conftest import run
from tests.client.fitting import fitting_adapter
from tests.datasets.makers import chat, jsonl
from tests.merges.makers import make_merged_model
from tests.served import light_worker
from tests.tiny import tiny_base
from tests.tiny_base import register_tiny_base

PAGE = (ROOT / "docs" / "client.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS, TOKEN = "https://graft.example.org", "graft_…"
CURL = "\n".join(block for kind, block in BLOCKS if kind == "sh" and "curl " in block)
PYTHON = "\n".join(block for kind, block in BLOCKS if kind == "python")
COMMANDS = "\n".join(block for kind, block in BLOCKS if kind == "sh" and block.startswith("graft "))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a person who does what the page says."""
    folder = tmp_path / "person"
    folder.mkdir()
    (folder / "support.jsonl").write_bytes(jsonl(*(chat(f"{number}?") for number in range(20))))
    [job] = [block for kind, block in BLOCKS if kind == "yaml"]
    (folder / "job.yaml").write_text(job)
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def world(people, tmp_path, folder, share):
    """What the page takes for granted: bases and adapters in places, three versions of `triage`, eleven jobs before.

    What the page merges first was merged before, so that nobody waits for a training worker.
    """
    base = register_tiny_base(people.team, name="smollm2-135m-instruct")
    for number in (1, 2, 3):
        make_version(base, write_adapter(tmp_path / f"v{number}", seed=number), name="triage", key=f"job-{number}")
    merged_before(people, AdapterVersion.objects.get(number=2))
    shutil.copytree(tiny_base(), folder / "models" / "smollm2")
    shutil.copytree(folder / "models", tmp_path / "shared")
    share(tmp_path / "shared")
    fitting_adapter(folder / "models" / "elsewhere")
    Workspace.objects.filter(pk=people.team.pk).update(last_job_number=11)
    with light_worker(), jobs_that_end(people):
        yield


def merged_before(people, version) -> None:
    """The merged model that asking for it gives, as a worker has made it."""
    asked = request_merge(people.access(people.editor), version, options={"dtype": "bfloat16"})
    MergedModel.objects.all().delete()
    MergedNumber.objects.all().delete()
    make_merged_model(version, key=asked.key, options=asked.options)


class jobs_that_end:  # noqa: N801 - reads as what it does
    """Stands in for a training worker: a job that waits is cancelled, so that watching it comes to an end."""

    def __init__(self, people) -> None:
        self._access = people.access(people.owner)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        from django.db import connections

        while not self._stop.wait(0.3):
            for job in Job.objects.filter(state=JobState.QUEUED):
                cancel_job(self._access, job)
        connections.close_all()


def shell(script: str, folder: Path, server: str, token: str) -> None:
    """Run it as a person would, stopping at the first line that fails."""
    env = os.environ | {"CURL_HOME": str(folder)}
    text = script.replace(ADDRESS, server).replace(TOKEN, token)
    done = subprocess.run(["sh", "-ex"], input=text, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def check_what_was_done() -> None:
    assert DatasetVersion.objects.get().dataset.name == "support"
    job = Job.objects.get(number=12)
    assert (job.adapter_name, job.state) == ("triage", JobState.CANCELLED)
    assert Alias.objects.get().version.number in {1, 2}
    assert BaseImport.objects.filter(name="smollm2").exists()
    assert AdapterImport.objects.filter(name="from-elsewhere").exists()
    assert [(one.number, one.verdict) for one in MergedModel.objects.all()] == [(1, "verified")]


def check_what_was_imported() -> None:
    version = AdapterVersion.objects.get(adapter__name="from-elsewhere")
    assert (version.origin, str(version.base_revision)) == ("imported", "smollm2-135m-instruct@1")


def test_curl(people, server, world, folder):
    shell(CURL, folder, server, people.token(people.editor))
    check_what_was_done()
    assert (folder / "triage-v2.zip").exists()
    assert (folder / "config.json").read_bytes() == (tiny_base() / "config.json").read_bytes()
    assert AdapterVersion.objects.get(adapter__name="triage", number=3).status == "retired"


def test_python(people, server, world, folder, capsys):
    script = PYTHON.replace(ADDRESS, server).replace(TOKEN, people.token(people.editor))
    scope: dict = {}
    exec(compile(script, "docs/client.md", "exec"), scope)  # noqa: S102 - the page's own lines
    scope["client"].close()
    check_what_was_done()
    check_what_was_imported()
    assert "base_model_not_found base_model There is no base model" in capsys.readouterr().out


def test_graft(people, server, world, folder):
    """Each line as a shell would read it; `tests/journey/test_client.py` starts the program itself."""
    token = people.token(people.editor)
    for line in filter(None, COMMANDS.replace(ADDRESS, server).splitlines()):
        command, _, otherwise = line.partition(" || ")
        command, _, redirected = command.partition(" < ")
        said = run(*shlex.split(command)[1:], stdin=f"{token}\n" if redirected else None)
        assert said.code == 0 or otherwise, (line, said)
    check_what_was_done()
    check_what_was_imported()
    assert (folder / "there" / "triage" / "manifest.json").exists()
    weights = (tiny_base() / "model.safetensors").read_bytes()
    assert (folder / "there" / "merged" / "model.safetensors").read_bytes() == weights
    assert Job.objects.get(number=12).config["r"] == 16


def test_every_command_is_on_the_page():
    tree = typer.main.get_command(app)
    for name, command in tree.commands.items():
        for words in [f"graft {name} {sub}" for sub in getattr(command, "commands", {})] or [f"graft {name}"]:
            assert words in PAGE, words


def test_every_method_is_on_the_page():
    with Client("http://127.0.0.1:1", "token") as client:
        for part in ("datasets", "jobs", "bases", "adapters", "merged"):
            for name, _ in inspect.getmembers(getattr(client, part), callable):
                assert name.startswith("_") or f".{name}(" in PAGE, f"client.{part}.{name}"


def test_every_code_of_the_client_is_on_the_page():
    source = "".join(path.read_text() for path in (ROOT / "graft").rglob("*.py"))
    codes = set(re.findall(r'GraftError\(\s*"(\w+)"', source)) - {"adapter_version_not_found"}  # which is the server's
    assert codes
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
