"""Layers on graphs: the family of message passing, and what stands between its members."""
