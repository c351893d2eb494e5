from .graph import Graph as Graph
from .point_set import PointSet as PointSet
