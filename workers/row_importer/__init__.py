"""Child program: files that came in become the JSONL of a dataset version, or are refused with the reason."""
