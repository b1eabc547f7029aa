"""Child programs that show what a base makes of a dataset version's rows: their lengths, or one row token by token."""
