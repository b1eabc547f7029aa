"""Child program: writes a version's rows as a file to download."""
