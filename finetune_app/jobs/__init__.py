"""Jobs: the training config, the queue, states, the live log and metrics."""
