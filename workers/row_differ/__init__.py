"""Child program: compares the rows of two versions."""
