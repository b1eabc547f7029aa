"""The client needs nothing of the server but its address: neither Django nor the training stack is loaded."""

import subprocess
import sys
import tomllib

from finetune_app.settings import ROOT

SERVER = {"django", "celery", "ninja", "redis", "adapters", "finetune_app", "workers", "launcher"}
TRAINING = {"accelerate", "bitsandbytes", "datasets", "huggingface_hub", "peft", "torch", "transformers", "trl"}


def loaded_by(code: str) -> set[str]:
    """The packages that a fresh Python has loaded after `code`, in a folder that is not the project's."""
    script = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd="/", capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_client_loads_neither_django_nor_the_training_stack():
    loaded = loaded_by("import graft; graft.Client('http://127.0.0.1:1', 'token').close()")
    assert {"graft", "httpx"} <= loaded
    assert not loaded & (SERVER | TRAINING)


def test_every_command_is_known_without_what_only_some_of_them_need():
    loaded = loaded_by("import graft.cli; assert graft.cli.app.registered_groups")
    assert "typer" in loaded
    assert not loaded & (SERVER | TRAINING | {"httpx", "pydantic", "rich", "yaml"})


def test_it_comes_with_the_plain_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"httpx", "rich", "typer", "pyyaml"} <= set(project["dependencies"])
    assert project["scripts"] == {"graft": "graft.cli:app"}


def test_the_program_starts_and_names_its_commands():
    done = subprocess.run(
        [f"{sys.prefix}/bin/graft", "--help"], cwd="/", capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("login", "logout", "whoami", "datasets", "jobs", "bases", "adapters"):
        assert word in done.stdout
