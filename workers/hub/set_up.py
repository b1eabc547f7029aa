"""Sets the hub's libraries up, before anything imports them: they read their settings when they are imported."""

import os
from pathlib import Path

HUB = "https://huggingface.co"


def set_up_libraries(cache: Path) -> None:
    """What the libraries keep goes away with the run folder, `cache` being in it; the token stays where it is."""
    os.environ.update(
        {
            "HF_HUB_CACHE": str(cache / "files"),
            "HF_XET_CACHE": str(cache / "xet"),
            "HF_ASSETS_CACHE": str(cache / "assets"),
            "HF_DATASETS_CACHE": str(cache / "datasets"),
            "HF_MODULES_CACHE": str(cache / "modules"),
            # Downloads would be counted on a server of its own, whatever HF_ENDPOINT says.
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            # The two libraries differ about an address that is empty or ends with a slash.
            "HF_ENDPOINT": os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB,
        }
    )
