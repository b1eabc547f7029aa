"""README.md of a repository that merged models are pushed to.

It is written once, so it says nothing that a later push would outdate.
"""

import json

from adapters.manifest import CHECKSUMS_NAME
from finetune_app.merges.models import MergedModel
from finetune_app.merges.provenance import PROVENANCE_NAME, hub_origin


def hub_card(merged_model: MergedModel) -> str:
    """The card as Markdown."""
    origin = hub_origin(merged_model)
    lines = ["library_name: transformers", "pipeline_tag: text-generation", "tags:", "- graft"]
    if origin:
        lines = [f"base_model: {json.dumps(origin['repo_id'])}", "base_model_relation: finetune", *lines]
    adapter = merged_model.version.adapter.name
    base = merged_model.base_revision.base_model.name
    front = "\n".join(["---", *lines, "---"])
    return f"""{front}
# {adapter}

**{base}** with the adapter **{adapter}** merged into its weights by Graft, and compared with base and adapter then.

`{PROVENANCE_NAME}` says which versions these are and what was measured.
`sha256sum --check {CHECKSUMS_NAME}` checks the files.
"""
