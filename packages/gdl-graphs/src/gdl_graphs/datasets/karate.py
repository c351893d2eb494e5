"""The karate club, built in: a graph that NetworkX carries."""

import networkx
import torch

from gdl_graphs.datasets.nodes import LabelledGraph, Nodes
from gdl_graphs.graph import Graph


class Karate(Nodes):
    """34 members of a karate club and the 78 friendships between them (Zachary 1977), carried by NetworkX.

    The club broke up over a quarrel of its two leaders. Each member is a feature of its own, the two leaders are the
    training nodes, and whom each of the others followed is predicted: 32 test nodes (Kipf and Welling 2017, appendix A,
    with four classes instead of two). Self-loops are part of the graph.
    """

    classes: tuple[str, ...] = ("Mr. Hi", "Officer")

    def labelled(self) -> LabelledGraph:
        club = networkx.karate_club_graph()
        sender, receiver = torch.tensor(list(club.edges)).T
        graph = Graph.from_edges(sender, receiver, len(club)).to_undirected().with_self_loops()
        labels = torch.tensor([self.classes.index(member) for _, member in club.nodes(data="club")])
        leaders = torch.tensor([0, len(club) - 1])
        return LabelledGraph(torch.eye(len(club)), graph, labels, leaders, None, torch.arange(1, len(club) - 1))
