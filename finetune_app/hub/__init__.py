"""Adapters and base models as repositories that the Hugging Face libraries read, with HF_ENDPOINT set to Graft."""
