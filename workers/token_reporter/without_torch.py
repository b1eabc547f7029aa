"""Lets the token reporter's children start quickly: transformers imports torch wherever it finds it."""

import os
import sys


def hide_torch() -> None:
    """Make this process unable to import torch, before it imports transformers.

    Tokenizers do not compute with torch, and importing it takes twice as long as everything else together.
    """
    sys.modules["torch"] = None  # type: ignore[assignment]  # so an import finds nothing, and takes it for not installed
    os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"  # that without torch there are no models
