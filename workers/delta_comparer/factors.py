"""The low-rank factors in one version's file: which modules it changes, and each as the matrices A and B."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from workers.delta_comparer.lora_config import LoraConfig
from workers.delta_comparer.names import CONFIG_NAME, WEIGHTS_NAME

PREFIX = "base_model.model."
FACTOR = re.compile(r"(?P<module>.+)\.(?P<kind>lora_A\.weight|lora_B\.weight|lora_embedding_A|lora_embedding_B)")
MAGNITUDE, BIAS = ".lora_magnitude_vector", ".lora_B.bias"
NAMED = 3  # modules that a remark names


class UnreadableVersion(Exception):
    """Nothing can be measured of the version; the text says why."""


@dataclass(frozen=True)
class Factor:
    """One module's change: `scaling` · B·A."""

    a: torch.Tensor  # rank × inputs
    b: torch.Tensor  # outputs × rank
    scaling: float

    @property
    def shape(self) -> tuple[int, int]:
        """Of B·A."""
        return self.b.shape[0], self.a.shape[1]


@dataclass
class VersionFactors:
    """The factors of one version, read one module at a time; `remarks` say what of the version they leave out."""

    file: safe_open
    keys: dict[str, dict[str, str]]
    scales: dict[str, tuple[int, float]]
    remarks: list[str]
    odd: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, folder: Path) -> "VersionFactors":
        """Look at what lies in the folder.

        Raises:
            UnreadableVersion: it is no LoRA, or cannot be read.
        """
        try:
            config = LoraConfig.load(folder / CONFIG_NAME)
            file = safe_open(folder / WEIGHTS_NAME, framework="pt")
        except (SafetensorError, ValueError, OSError) as error:
            raise UnreadableVersion(f"Its files cannot be read: {type(error).__name__}.") from error
        if config.peft_type != "LORA":
            raise UnreadableVersion(f"It is no LoRA but {config.peft_type or 'of an unknown kind'}.")
        keys, others = _sorted_out(list(file.keys()))
        if not keys:
            raise UnreadableVersion("Its file holds no low-rank matrices.")
        try:
            scales = {module: (config.rank(module), config.scaling(module)) for module in keys}
        except (ValueError, ArithmeticError) as error:
            raise UnreadableVersion(f"Its config cannot be read: {error}") from error
        return cls(file, keys, scales, _remarks(others))

    def factor(self, module: str) -> Factor | None:
        """The module's change; None when the version does not change it, or not as A and B of the config's rank."""
        if module not in self.keys:
            return None
        rank, scaling = self.scales[module]
        a, b = (self.file.get_tensor(self.keys[module][kind]) for kind in "AB")
        if not _fits(a, b, rank):
            self.odd.append(module)
            return None
        return Factor(a.flatten(1), b.flatten(1), scaling)

    @property
    def all_remarks(self) -> list[str]:
        """What is left out, also what was found while reading."""
        if not self.odd:
            return self.remarks
        return [*self.remarks, f"Left out, since its matrices are not of the config's rank: {_named(self.odd)}."]


def _fits(a: torch.Tensor, b: torch.Tensor, rank: int) -> bool:
    """Whether B·A is one product of matrices; for a convolution that is so when B looks at single points."""
    return (
        a.is_floating_point()
        and b.is_floating_point()
        and a.ndim == b.ndim
        and a.ndim >= 2  # noqa: PLR2004 - a matrix
        and a.shape[0] == b.shape[1] == rank
        and all(size == 1 for size in b.shape[2:])
    )


def _sorted_out(names: list[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Each module that has both factors with the names of their tensors, and all other names without the prefix."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if match := FACTOR.fullmatch(name):
            kind = "A" if "_A" in match["kind"] else "B"
            found.setdefault(match["module"].removeprefix(PREFIX), {})[kind] = name
    whole = {module: keys for module, keys in found.items() if len(keys) == len("AB")}
    used = {name for keys in whole.values() for name in keys.values()}
    return whole, [name.removeprefix(PREFIX) for name in names if name not in used]


def _remarks(others: list[str]) -> list[str]:
    kinds = Counter(_kind(name) for name in others)
    remarks = []
    if kinds["magnitude"]:
        remarks.append("It uses DoRA: only its low-rank part is measured, not the lengths of the columns.")
    if kinds["bias"]:
        remarks.append("Its trained biases are left out.")
    if kinds["other"]:
        names = [name.removesuffix(".weight") for name in others if _kind(name) == "other"]
        remarks.append(f"Left out, since it is no low-rank change: {_named(names)}.")
    return remarks


def _kind(name: str) -> str:
    if MAGNITUDE in name:
        return "magnitude"
    return "bias" if name.endswith((BIAS, ".bias")) else "other"


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
