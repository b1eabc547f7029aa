"""The home page of a workspace: what runs, what waits, what failed and what was made."""
