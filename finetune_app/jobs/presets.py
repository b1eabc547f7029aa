"""Named starting points for the LoRA form. Pure: a preset is a title, a sentence and the options that it sets."""

from dataclasses import dataclass
from typing import Any

from finetune_app.jobs.methods import DEFAULT_METHOD, load_config
from finetune_app.jobs.training_config import ALL_LINEAR, TrainingConfig


@dataclass(frozen=True)
class Preset:
    """One choice above the form; `options` are keys of `TrainingConfig`, the rest keeps its default."""

    name: str
    title: str
    summary: str
    options: dict[str, Any]

    def config(self, method: str = DEFAULT_METHOD) -> TrainingConfig:
        """The full config that this preset fills in; what the method has beyond it keeps its default."""
        return load_config({"method": method, **self.options})


PRESETS = (
    Preset(
        "start-here", "Start here", "r 32, alpha 64: a sound first try for most tasks.", {"r": 32, "lora_alpha": 64}
    ),
    Preset(
        "light-touch",
        "Light touch",
        "r 8, alpha 16: a tone, a format, a small dataset.",
        {"r": 8, "lora_alpha": 16, "learning_rate": 1e-4},
    ),
    Preset(
        "deep-change",
        "Deep change",
        "r 64, alpha 128 on all linear layers: new knowledge, hard tasks, many rows.",
        {"r": 64, "lora_alpha": 128, "target_modules": ALL_LINEAR, "gradient_checkpointing": True},
    ),
    Preset(
        "classic-7b",
        "Classic 7B",
        "r 64, alpha 128 on q_proj and v_proj, as in the much-copied 7B recipes.",
        {"r": 64, "lora_alpha": 128, "target_modules": ["q_proj", "v_proj"], "gradient_checkpointing": True},
    ),
)
