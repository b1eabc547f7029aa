"""How several adapter versions become one, with all options: form, REST and worker read them here. Pure.

The ways are those of peft's `add_weighted_adapter`
(https://huggingface.co/docs/peft/developer_guides/model_merging).
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

LEAST, MOST = 2, 8
MAX_RANK = 1024
MAX_WEIGHT = 10.0


class CombinationType(StrEnum):
    """peft's name of the way."""

    SVD = "svd"
    LINEAR = "linear"
    TIES = "ties"
    TIES_SVD = "ties_svd"
    DARE_TIES = "dare_ties"
    DARE_TIES_SVD = "dare_ties_svd"
    MAGNITUDE_PRUNE = "magnitude_prune"
    MAGNITUDE_PRUNE_SVD = "magnitude_prune_svd"

    @property
    def is_by_svd(self) -> bool:
        """Whether whole changes are added and cut to a rank again; else the factors are, which need the same rank."""
        return self.value.endswith("svd")

    @property
    def prunes(self) -> bool:
        """Whether it drops a share of each change, so that it has a density."""
        return self not in {CombinationType.SVD, CombinationType.LINEAR}

    @property
    def draws(self) -> bool:
        """Whether what it drops is drawn by the seed."""
        return self.value.startswith("dare")


TYPE_WORDS = {
    CombinationType.SVD: "SVD: the sum of the whole changes, cut to a rank",
    CombinationType.LINEAR: "Linear: the sum of the factors; quick and rough",
    CombinationType.TIES: "TIES on the factors: trim, agree on signs, add",
    CombinationType.TIES_SVD: "TIES on the whole changes, then SVD",
    CombinationType.DARE_TIES: "DARE-TIES on the factors: drop at random, agree on signs, add",
    CombinationType.DARE_TIES_SVD: "DARE-TIES on the whole changes, then SVD",
    CombinationType.MAGNITUDE_PRUNE: "Magnitude prune of the factors: keep the largest values, add",
    CombinationType.MAGNITUDE_PRUNE_SVD: "Magnitude prune of the whole changes, then SVD",
}


class CombinationOptions(BaseModel):
    """How versions are combined; their weights stand beside them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    combination_type: CombinationType = Field(
        CombinationType.SVD,
        title="Way",
        description="SVD is the exact sum as far as its rank allows. The others keep versions from undoing each other, "
        "by dropping small or random parts of each. On the factors all versions must have the same rank.",
    )
    density: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Density",
        description="The share of each change that is kept, for TIES, DARE and magnitude prune.",
    )
    svd_rank: int | None = Field(
        None,
        ge=1,
        le=MAX_RANK,
        title="Rank of the result",
        description="For the ways with SVD; empty: the largest rank among the versions.",
    )
    seed: int = Field(42, ge=0, le=2**32 - 1, title="Seed", description="What DARE drops is drawn by it.")
