"""Keeping house: deleting versions and bases, the retention rule, and the collection of garbage in the storage."""
