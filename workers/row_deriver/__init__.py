"""Child program: makes a new version's rows out of those of others."""
