"""Layers and readouts for sets, which run on graphs too: Deep Sets, PointNet, Set Transformer, Set2Set."""
