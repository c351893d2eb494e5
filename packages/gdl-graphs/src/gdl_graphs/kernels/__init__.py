"""Kernels for sets and graphs: fused attention over edges and over sets, several aggregations in one read."""
