"""Does not end when asked, and has a child of its own."""

import signal
import subprocess
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
print(f"pid {child.pid}", flush=True)
time.sleep(120)
