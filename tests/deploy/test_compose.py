"""What `docker-compose.yml` promises to those who run it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import constants

from finetune_app.environment import Environment
from launcher.plan import NODES, ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
ONE_SHOT = ["migrate", "bucket"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stage(name: str) -> str:
    """The lines of one stage of the Dockerfile."""
    return re.split(r"^FROM .* AS ", DOCKERFILE, flags=re.MULTILINE)[
        [found[1] for found in re.finditer(r"^FROM .* AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)].index(name) + 1
    ]


def test_the_file_fits_the_compose_specification() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yml",
    ]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def test_everything_that_graft_needs_is_there() -> None:
    assert {"web", "worker-gpu", "worker-cpu", "beat", "migrate", "postgres", "redis", "storage"} <= SERVICES.keys()


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in ONE_SHOT])
def test_every_lasting_service_has_a_health_check_and_starts_again(name: str) -> None:
    service = SERVICES[name]
    image_has_one = "build" in service and "HEALTHCHECK" in stage(service["build"]["target"])
    assert image_has_one or service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", OURS)
def test_our_processes_run_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r"^USER 10001:10001$", stage(service["build"]["target"]), flags=re.MULTILINE)
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", OURS)
def test_our_processes_start_when_the_tables_are_there(name: str) -> None:
    needs = SERVICES[name]["depends_on"]
    if name == "migrate":
        assert needs["postgres"] == {"condition": "service_healthy"}
    else:
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert needs["bucket"] == {"condition": "service_completed_successfully"}
        assert needs["redis"] == {"condition": "service_healthy"}


def test_every_command_is_a_process_that_the_launcher_knows() -> None:
    commands = {name: SERVICES[name].get("command", ["web"]) for name in OURS if "entrypoint" not in SERVICES[name]}
    assert commands == {
        "web": ["web"],
        "worker-gpu": ["worker-train"],
        "worker-cpu": ["worker-light"],
        "beat": ["beat"],
    }
    assert {"worker-train", "worker-light", "beat"} == NODES.keys()


def test_the_training_worker_gets_a_gpu() -> None:
    [device] = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_into_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|SECRET|KEY|DATABASE_URL|REDIS_URL|STORAGE_URL", variable):
            assert variable.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]


def test_every_variable_is_one_that_graft_or_the_hub_library_reads() -> None:
    known = {field.upper() for field in Environment.model_fields}
    hub = {name for name in dir(constants) if name.startswith("HF_")} | {"HF_TOKEN", "HF_ENDPOINT"}
    for name in OURS:
        of_hub = hub if name == "worker-cpu" else set()  # nobody else may hold the token
        assert {variable.removesuffix("_FILE") for variable in SERVICES[name]["environment"]} <= known | of_hub


def test_every_secret_is_made_by_the_script_and_stays_when_it_runs_again(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    script.write_text((ROOT / "deploy/make-secrets.sh").read_text())
    subprocess.run(["bash", script], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    named = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert named <= made.keys()
    again = subprocess.run(["bash", script], check=True, capture_output=True, text=True)
    assert again.stdout == ""
    assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}


def test_the_made_addresses_are_ones_that_graft_accepts(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    script.write_text((ROOT / "deploy/make-secrets.sh").read_text())
    subprocess.run(["bash", script], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    Environment(**{name: made[name] for name in ("database_url", "redis_url", "storage_url")})
    assert made["redis_password"] in made["redis_config"]
    assert made["postgres_password"] in made["database_url"]
    assert made["storage_secret_key"] in made["storage_identities"]
