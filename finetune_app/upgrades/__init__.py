"""Base upgrades: what a new base revision changes and touches, and the retraining that it asks for."""
