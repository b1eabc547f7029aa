"""Ends with a traceback."""

raise RuntimeError("boom")
