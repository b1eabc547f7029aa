"""A person's own code: loads adapters onto their base by `workspace/name`, and prints what the model says.

Nothing in it knows Graft: HF_ENDPOINT and HF_TOKEN are all that was set. Arguments: base, adapter, revision.
"""

import json
import sys

import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

BASE, ADAPTER, REVISION = sys.argv[1:]
PROMPT = torch.arange(1, 25)[None]


def logits(model: torch.nn.Module) -> list[float]:
    with torch.no_grad():
        return [round(value, 6) for value in model(PROMPT).logits[0, -1].tolist()]


base = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
found = {"base": logits(base)}
found["tuned"] = logits(PeftModel.from_pretrained(base, ADAPTER, revision=REVISION))
auto = AutoPeftModelForCausalLM.from_pretrained(ADAPTER, revision=REVISION, dtype=torch.float32)
found["auto"] = logits(auto)
found["tokens"] = AutoTokenizer.from_pretrained(BASE)("Where is my parcel?").input_ids
sys.stdout.write(json.dumps(found))
