"""Adapter versions side by side: their configs, scores and curves, and how their weights changed."""
