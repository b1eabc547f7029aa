"""A process that has imported the training stack once and forks a child for each run: no run waits for imports.

`start.py` is the worker's side, `serve.py` the process itself, `preload.py` what it imports, `protocol.py` what the two
tell each other.
"""
