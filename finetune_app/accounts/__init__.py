"""Workspaces, members, API tokens."""
