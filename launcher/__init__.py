"""`make run` and `make demo`: starts all of Graft on one machine, and tries it. Nothing imports this package."""
