"""Merges: what the merger and the prover need in their run folder, and what becomes of what they leave."""
