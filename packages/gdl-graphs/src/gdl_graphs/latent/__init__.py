"""Graphs that are inferred from the features: dynamic nearest neighbours, and graphs that are sampled and learned."""
