"""What a light worker does for the registry: the work on versions and base revisions."""
