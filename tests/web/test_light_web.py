"""The web side does without the training stack, which takes seconds and gigabytes to load."""

import os
import subprocess
import sys

from finetune_app.settings import ROOT

LOOK = """
import importlib, pkgutil, sys
import adapters, finetune_app, finetune_app.asgi, finetune_app.urls

for package in (adapters, finetune_app):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(sorted(HEAVY & sys.modules.keys()))
"""
HEAVY = {"accelerate", "bitsandbytes", "datasets", "huggingface_hub", "peft", "torch", "transformers", "trl"}


def test_no_module_of_the_web_loads_the_training_stack(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {HEAVY!r}\n{LOOK}"],
        cwd=ROOT,
        env=os.environ | {"GRAFT_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "finetune_app.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
