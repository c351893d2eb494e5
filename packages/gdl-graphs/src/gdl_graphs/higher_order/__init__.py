"""Signals on ordered pairs of points: invariant graph networks and PPGN."""
