"""Whole networks on sets, graphs and sequences."""
