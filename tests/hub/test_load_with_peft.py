"""`from_pretrained` of peft and transformers with nothing but HF_ENDPOINT and HF_TOKEN set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapters.models import Alias
from tests.adapters.peft_adapters import peft_adapter
from tests.tiny import tiny_base

pytestmark = pytest.mark.django_db(transaction=True)


def logits_of_folder() -> tuple[list[float], list[float]]:
    base = AutoModelForCausalLM.from_pretrained(tiny_base(), dtype=torch.float32)
    with torch.no_grad():
        plain = base(torch.arange(1, 25)[None]).logits[0, -1].tolist()
        tuned = PeftModel.from_pretrained(base, str(peft_adapter()))(torch.arange(1, 25)[None]).logits[0, -1].tolist()
    return plain, tuned


def test_the_model_says_what_it_says_from_the_downloaded_folder(people, version, run_program):
    Alias.objects.create(adapter=version.adapter, name="production", version=version)
    found = run_program(people.token(people.viewer), "load", "team/tiny", "team/adder", "production")
    plain, tuned = logits_of_folder()
    assert found["base"] == pytest.approx(plain, abs=1e-5)
    assert found["tuned"] == pytest.approx(tuned, abs=1e-5)
    assert found["auto"] == pytest.approx(tuned, abs=1e-5)  # its base is `tiny`, as the adapter's config calls it
    assert found["base"] != found["tuned"]
    assert found["tokens"] == AutoTokenizer.from_pretrained(tiny_base())("Where is my parcel?").input_ids


def test_the_hubs_own_command_downloads_a_version(people, version, server, tmp_path):
    env = os.environ | {"HF_ENDPOINT": server.url, "HF_TOKEN": people.token(people.viewer), "HF_HOME": str(tmp_path)}
    hf = Path(sys.executable).with_name("hf")
    command = [hf, "download", "team/adder", "--revision", "1", "--local-dir", tmp_path / "here"]
    subprocess.run(command, env=env | {"HF_HUB_OFFLINE": "0"}, check=True, capture_output=True, timeout=120)
    sums = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "here", check=False, capture_output=True
    )
    assert sums.returncode == 0, sums.stdout
