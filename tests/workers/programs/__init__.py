"""Small child programs with one fault each, run by the supervisor's tests as real processes."""
