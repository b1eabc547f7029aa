"""A process of Graft in whose `jobs/methods` lies one more file: `python -m tests.workers.with_extra_method WHAT`.

The file is found as it would be in the package itself: the package is imported with one more place to look in.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

PACKAGE = "finetune_app.jobs.methods"
FOLDER = Path(__file__).parent / "extra_method"


def _add_method() -> None:
    spec = importlib.util.find_spec(PACKAGE)
    assert spec
    assert spec.loader
    assert spec.submodule_search_locations is not None
    spec.submodule_search_locations.append(str(FOLDER))
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def _web() -> None:
    """What the form, REST and the checks of a new job know of it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from finetune_app.api import api
    from finetune_app.jobs.config_form import ConfigForm, form_values
    from finetune_app.jobs.config_options import OPTIONS_OF
    from finetune_app.jobs.methods import load_config

    shown = form_values(load_config({"method": "dft", "neftune_noise_alpha": 5}), [])
    form = ConfigForm({name: value for name, value in shown.items() if value is not False})
    schema = json.dumps(api.get_openapi_schema())
    sys.stdout.write(
        json.dumps(
            {
                "options": list(OPTIONS_OF["dft"]),
                "form": form.config.model_dump(mode="json") if form.is_valid() else form.errors,
                "schema": "neftune_noise_alpha" in schema,
            }
        )
    )


def _train() -> None:
    from workers.child import run_child
    from workers.trainer.__main__ import main

    run_child(main)


if __name__ == "__main__":
    _add_method()
    what = sys.argv.pop(1)
    _web() if what == "web" else _train()
