"""What becomes of the parameters of a base's model: what an adapter asks of each. See `plan_find.py`."""

from dataclasses import dataclass, field
from typing import Literal

from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.merger.adapter_tensors import AdapterTensors
from workers.merger.changes import Load

PREFIX = "base_model.model."
ADAPTER = "default"


@dataclass(frozen=True)
class LowRankPair:
    """scale · L·R, of the shape of the parameter; with `norm` it is DoRA, and the factors end with its magnitude."""

    load: Load
    scale: float
    norm: Literal["", "rows", "columns"] = ""


@dataclass
class Target:
    """What becomes of one parameter: at most one kind of change, perhaps on a tensor that the adapter brings itself.

    Attributes:
        value: the adapter's tensor that takes its place.
        is_base: whether that stands for the base's own tensor, which a tied parameter shares, and not for a copy.
        pair: what is added.
        bias: the adapter's tensor that is added to a bias, and its scale.
        tokens: the adapter's tensor with rows of their own, and which rows they are.
    """

    value: str = ""
    is_base: bool = False
    pair: LowRankPair | None = None
    bias: tuple[str, float] | None = None
    tokens: tuple[str, tuple[int, ...]] | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether the parameter stays as it is."""
        return not (self.value or self.pair or self.bias or self.tokens)


@dataclass
class Targets:
    """All of them by the parameter's name in the base's model.

    Attributes:
        tensors: those of the adapter.
        of: the targets.
        used: the adapter's tensors that found their place so far.
        replaced: modules of the base that give way to a copy as a whole.
    """

    tensors: AdapterTensors
    of: dict[str, Target] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    replaced: list[str] = field(default_factory=list)

    def target(self, parameter: str) -> Target:
        """That of a parameter."""
        return self.of.setdefault(parameter, Target())

    def take(self, name: str, shape: tuple[int, ...]) -> str:
        """Use a tensor of the adapter, which must have this shape.

        Raises:
            ChildFailure: MERGE_UNFIT.
        """
        found = self.tensors.stored.get(name)
        if found is None:
            raise ChildFailure(
                Cause.MERGE_UNFIT,
                f"The adapter has no {name}, which its config promises for this base. Save the adapter again, or take "
                "the base that it was trained on.",
            )
        if found.shape != shape:
            raise ChildFailure(
                Cause.MERGE_UNFIT,
                f"{name} of the adapter is {list(found.shape)}; on this base it would be {list(shape)}. Take the base "
                "that it was trained on.",
            )
        self.used.add(name)
        return name


def dotted(path: str, part: str) -> str:
    """The name of a part of a module."""
    return f"{path}.{part}" if path else part
