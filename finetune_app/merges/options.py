"""Every option of a merge, with type, bounds, default, label and help, for form, REST and worker. Pure."""

from pydantic import BaseModel, ConfigDict, Field

from finetune_app.merges.states import Onto, WeightsDtype

MIN_PROMPTS = 64  # the gates of the proof mean something from here on
MAX_PROMPTS = 1024


class MergeOptions(BaseModel):
    """How an adapter version is folded into a base revision, and on how much it is proven."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: WeightsDtype = Field(
        WeightsDtype.BFLOAT16,
        title="Precision of the weights",
        description="Base and change are added in float32 and rounded to this once.",
    )
    onto: Onto = Field(
        Onto.ORIGINAL,
        title="Added to",
        description="A QLoRA adapter learned on weights that had been through nf4. The original weights are the better "
        "model as a rule; the nf4 ones are what the training saw. Only layers that were quantized differ.",
    )
    compare_ways: bool = Field(
        True,
        title="Measure both ways",
        description="For a QLoRA adapter: merge the other way as well, measure it and throw it away, so that the "
        "report says which is closer to the trained behaviour. It takes about twice as long.",
    )
    prompts: int = Field(
        MIN_PROMPTS,
        ge=MIN_PROMPTS,
        le=MAX_PROMPTS,
        title="Prompts of the proof",
        description="On so many rows the merged model is compared with base and adapter. Held-out rows come first; "
        "where there are fewer rows, general prompts fill up.",
    )
