"""What an adapter's config says of the scale of a module's change, as PEFT reads it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import regex
from pydantic import BaseModel, ConfigDict

PATTERN_SECONDS = 0.2  # a pattern may come from anywhere, and one can be written that never ends


class LoraConfig(BaseModel):
    """The part of `adapter_config.json` that the scale depends on."""

    model_config = ConfigDict(frozen=True)

    peft_type: str = ""
    r: int = 8
    lora_alpha: float = 8
    use_rslora: bool = False
    use_dora: bool = False
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}

    @classmethod
    def load(cls, path: Path) -> "LoraConfig":
        """Read it; what is null there is what PEFT takes for it.

        Raises:
            ValueError: it is no such config.
            OSError: it cannot be read.
        """
        content: dict[str, Any] = json.loads(path.read_text())
        return cls.model_validate({name: value for name, value in content.items() if value is not None})

    def rank(self, module: str) -> int:
        """The rank that the module has."""
        return int(_of_pattern(self.rank_pattern, module, self.r))

    def scaling(self, module: str) -> float:
        """What B·A is multiplied with: alpha / r, with rsLoRA alpha / √r, of the module's own alpha and rank."""
        rank = self.rank(module)
        return _of_pattern(self.alpha_pattern, module, self.lora_alpha) / (math.sqrt(rank) if self.use_rslora else rank)


def _of_pattern(pattern: Mapping[str, float], module: str, usual: float) -> float:
    """The value of the first key that is, as an expression, the module's name or its end (`get_pattern_key`)."""
    for key, value in pattern.items():
        try:
            if regex.match(rf"(.*\.)?({key})$", module, timeout=PATTERN_SECONDS):
                return value
        except (regex.error, TimeoutError) as error:
            raise ValueError(f"The pattern “{key}” in its config cannot be read: {error}") from error
    return usual
