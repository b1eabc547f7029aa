"""Exports of merged models: what each kind needs in its run folder, and what becomes of what its child leaves."""
