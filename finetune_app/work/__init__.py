"""What light workers do besides training: how such work is kept, taken and ended, whatever it is about."""
