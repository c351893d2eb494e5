"""Signals on the sphere and on rotations."""
