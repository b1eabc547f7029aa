"""The order that the quantizer gets: that of a merge, with the merged model in the base's place. Pure."""

from finetune_app.merges.export_options import QuantizedScheme
from workers.merge_spec import MergeSpec


class QuantizeSpec(MergeSpec):
    """One export. `rows` and the options' prompts are those that proved the merged model.

    Attributes:
        scheme: into what.
    """

    scheme: QuantizedScheme
