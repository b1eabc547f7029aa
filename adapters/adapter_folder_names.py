"""The names of the files of an adapter, and which others may lie beside them. Pure."""

import re

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
# Data only: what peft, transformers and tokenizers read without running code. Pickles are not among it.
KEPT_SUFFIXES = frozenset({".json", ".jinja", ".model", ".safetensors", ".txt"})
PLAIN_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
