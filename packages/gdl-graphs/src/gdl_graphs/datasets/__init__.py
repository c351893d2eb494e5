"""Sources of graphs and texts, as recipes name them."""

from gdl_graphs.datasets.karate import Karate
from gdl_graphs.datasets.molecules import Molecules
from gdl_graphs.datasets.planetoid import Planetoid
from gdl_graphs.datasets.proteins import Proteins
from gdl_graphs.datasets.stored import Stored
from gdl_graphs.datasets.text import Text
from gdl_graphs.datasets.traffic import Traffic
from gdl_graphs.datasets.tu import TU
from gdl_graphs.datasets.zinc import ZINC

__all__ = ["TU", "ZINC", "Karate", "Molecules", "Planetoid", "Proteins", "Stored", "Text", "Traffic"]
