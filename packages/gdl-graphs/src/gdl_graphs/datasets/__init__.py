"""Sources of graphs and texts, as recipes name them."""

from gdl_graphs.datasets.karate import Karate
from gdl_graphs.datasets.planetoid import Planetoid
from gdl_graphs.datasets.text import Text
from gdl_graphs.datasets.tu import TU
from gdl_graphs.datasets.zinc import ZINC

__all__ = ["TU", "ZINC", "Karate", "Planetoid", "Text"]
