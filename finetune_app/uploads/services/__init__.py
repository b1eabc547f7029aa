"""What can be done with uploads: the only place that changes their rows and part files."""
