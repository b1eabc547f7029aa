"""The child that checks the rows of a dataset version; one module per check."""
