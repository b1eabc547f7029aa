"""The kinds of dataset tasks: which child program makes each, what it needs, and what is kept of its results."""
