from .graph import Graph as Graph
from .point_set import PointSet as PointSet
from .readout import AttentionPool as AttentionPool
from .readout import GlobalPool as GlobalPool
