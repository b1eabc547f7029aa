"""The proof of merged models."""
