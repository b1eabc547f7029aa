"""What the deriver is asked to do, as it lies in its run folder. Pure."""

from pydantic import BaseModel, ConfigDict

from finetune_app.datasets.derivation import Derivation

ORDER_NAME = "derive.json"
DROP_NAME = "drop_rows"
RESULT_NAME = "rows.jsonl"


class DeriveOrder(BaseModel):
    """`parents` are names for people; the rows of the first lie in the folder `0`, of the second in `1`, and so on.

    `total` is how many good rows all of them have, for the progress.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parents: list[str]
    total: int
    steps: Derivation
