"""What one training worker has to offer, as it tells it. Pure."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Capabilities:
    """The devices of one worker; see `models.Worker` for the fields."""

    kind: Literal["cuda", "cpu"]
    device: str
    memory_bytes: int
    has_bf16: bool
    cores: int
    gpus: int = 0
    versions: dict[str, str] = field(default_factory=dict)
