"""Transformers: attention over the points of a sample, positions, blocks, encoder and decoder."""
