"""Prints much and fast on both pipes, with one line far too long."""

import sys

for index in range(3000):
    print(f"out {index}")
    print(f"err {index}", file=sys.stderr)
print("x" * 1_000_000)
