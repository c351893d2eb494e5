"""Operators with a reference, a CPU and a GPU implementation."""
