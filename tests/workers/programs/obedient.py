"""Runs until it is asked to end."""

import time

print("running", flush=True)
time.sleep(120)
