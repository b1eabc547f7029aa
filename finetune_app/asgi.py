"""The ASGI application that uvicorn serves: Django behind the limit on request bodies."""

import gc
import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "finetune_app.settings")

_django = get_asgi_application()

from finetune_app.web.body_limit import Application, wrap  # noqa: E402 - it reads the settings

application = wrap(cast("Application", _django))

# What is loaded by now stays: looking through all of it for garbage would hold up a page by 80 ms now and then.
gc.collect()
gc.freeze()
