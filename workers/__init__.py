"""All that runs on a worker machine. Nothing imports this package."""
