"""The ASGI application that uvicorn serves: Django behind the limit on request bodies."""

import gc
import os
from typing import cast

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finetune_app.settings")
django.setup(set_prefix=False)

from finetune_app.web.body_limit import Application, wrap  # noqa: E402 - it reads the settings
from finetune_app.web.piece_response import Handler  # noqa: E402

application = wrap(cast("Application", Handler()))

# What is loaded by now stays: looking through all of it for garbage would hold up a page by 80 ms now and then.
gc.collect()
gc.freeze()
