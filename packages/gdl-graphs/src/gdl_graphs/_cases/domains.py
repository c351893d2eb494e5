"""Cases of the domains."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import FEATURED, GRAPH, SET, SETS, WEIGHTED, random_graph, signals
from gdl_graphs.graph import Graph

TWO = Graph.collate([random_graph(4, 6, positions=2), random_graph(3, 5, positions=2)])

CASES = {
    ("domain", "graph"): [
        Case(label, build=lambda graph=graph: graph, inputs=signals(graph, 2))
        for label, graph in (("plain", GRAPH), ("weighted", WEIGHTED), ("featured", FEATURED), ("batch", TWO))
    ],
    ("domain", "point-set"): [
        Case(label, build=lambda points=points: points, inputs=signals(points, 2))
        for label, points in (("one", SET), ("batch", SETS))
    ],
}
