"""What the fork server of `runs.py` imports once: the training stack, with the settings that a child gives it."""

import os
import warnings

from workers.child import LIBRARY_SETTINGS, OFFLINE

os.environ.update(LIBRARY_SETTINGS | OFFLINE | {"OMP_NUM_THREADS": "1"})
warnings.simplefilter("ignore", FutureWarning)

import workers.demo.convert  # noqa: E402
import workers.evaluator.score  # noqa: E402
import workers.trainer.engine  # noqa: E402, F401
