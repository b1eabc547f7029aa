"""A child that fetches the files of a base model and computes its digests."""
