"""`python -m workers.warm [MODULE]`: started by a worker, never by hand. MODULE has the `preload` that is called."""

import os
import signal
import socket
import sys
from importlib import import_module

from workers.child import OFFLINE, set_up_libraries
from workers.warm.serve import Server


def main() -> None:
    """Import, say so, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then closes the socket
    control = socket.socket(fileno=os.dup(0))
    set_up_libraries(OFFLINE)
    module = sys.argv[1] if len(sys.argv) > 1 else "workers.warm.preload"
    import_module(module).preload()
    Server(control).run()


if __name__ == "__main__":
    main()
    os._exit(0)
