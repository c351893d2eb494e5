"""Domains, signals, symmetries, and the parts of a network."""

from gdl_core.geometry.blueprint import Blueprint
from gdl_core.geometry.domain import Domain, Signal
from gdl_core.geometry.layer import Coarsening, Layer, Part, Readout, Refinement, check_channels, domain_of
from gdl_core.geometry.pointwise import Dropout, FibreMap, Pointwise
from gdl_core.geometry.symmetry import Symmetry

__all__ = [
    "Blueprint",
    "Coarsening",
    "Domain",
    "Dropout",
    "FibreMap",
    "Layer",
    "Part",
    "Pointwise",
    "Readout",
    "Refinement",
    "Signal",
    "Symmetry",
    "check_channels",
    "domain_of",
]
