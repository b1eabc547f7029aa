"""What a merged model says of itself: `graft_merge.json` for programs, a model card for people. No time stamps."""

from importlib.metadata import version
from typing import Any

from workers.merge_spec import MergeSpec
from workers.merger.planned import MergePlan

MADE_OF = "graft_merge.json"
FORMAT = 1
LIBRARIES = ("torch", "transformers", "peft", "safetensors")
OF_THE_PROOF = {"prompts", "compare_ways"}  # options that change nothing in the weights
ONTO = {
    "original": "the base's weights as they are in its files",
    "quantized": "the base's weights after the way to nf4 and back, as the training saw them",
}

CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
---

# {adapter} merged into {base}

The adapter **{adapter}** folded into its base **{base}** with Graft. The adapter's change was added in float32 to
{onto}, and rounded to {dtype} once.

## How to load it

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(".", dtype="auto")
tokenizer = AutoTokenizer.from_pretrained(".")
```

## What it is made of

{facts}

`{made_of}` holds all of this for programs.
"""


def made_of(spec: MergeSpec, plan: MergePlan) -> dict[str, Any]:
    """All that went in."""
    return {
        "format": FORMAT,
        "base": {"name": spec.base} | spec.base_digests.model_dump(),
        "adapter": {"name": spec.adapter, "manifest_sha256": spec.manifest_sha256},
        "options": spec.options.model_dump(mode="json", exclude=OF_THE_PROOF),
        "trained_on": _trained_on(spec),
        "tensors": {
            "all": len(plan.tensors),
            "changed": sum(one.change is not None or one.value is not None for one in plan.tensors),
            "of_adapter": plan.adapter_tensors,
            "used": plan.used,
        },
        "config": plan.config,
        "libraries": {name: version(name) for name in _libraries(spec)},
    }


def merged_card(spec: MergeSpec) -> str:
    """The model card as Markdown. Its head names no `base_model`: the hub takes only names of its own there."""
    facts = {"Manifest of the adapter version (SHA-256)": spec.manifest_sha256} | {
        f"Base, {name.replace('_', ' ')}": digest for name, digest in spec.base_digests.model_dump().items()
    }
    return CARD.format(
        adapter=spec.adapter,
        base=spec.base,
        onto=ONTO[spec.options.onto],
        dtype=spec.options.dtype,
        facts="\n".join(f"- {words}: `{value}`" for words, value in facts.items()),
        made_of=MADE_OF,
    )


def _trained_on(spec: MergeSpec) -> dict[str, Any] | None:
    """How the base was quantized in the training, where it was."""
    if not spec.is_quantized:
        return None
    return {"quant_type": spec.quant_type, "double_quant": spec.double_quant, "compute_dtype": spec.compute_dtype}


def _libraries(spec: MergeSpec) -> tuple[str, ...]:
    return (*LIBRARIES, "bitsandbytes") if spec.is_quantized else LIBRARIES
