"""Datasets: upload, checked and counted, immutable versions."""
