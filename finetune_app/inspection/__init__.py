"""What a base model makes of a dataset version's rows: their tokens, and each row as the model will see it."""
