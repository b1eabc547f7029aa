"""A person's own code: loads a merged model by `workspace/name` and says what it answers; no peft, no base.

Nothing in it knows Graft: HF_ENDPOINT and HF_TOKEN are all that was set. Arguments: repository, revision of the model, revision
of the tokenizer.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

REPOSITORY, REVISION, OF_TOKENIZER = sys.argv[1:]

model = AutoModelForCausalLM.from_pretrained(REPOSITORY, revision=REVISION, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(REPOSITORY, revision=OF_TOKENIZER)
with torch.no_grad():
    logits = model(torch.arange(1, 25)[None]).logits[0, -1]
found = {
    "logits": [round(value, 6) for value in logits.tolist()],
    "tokens": tokenizer("Where is my parcel?").input_ids,
    "chat": tokenizer.apply_chat_template([{"role": "user", "content": "Hello"}], tokenize=False),
}
sys.stdout.write(json.dumps(found))
