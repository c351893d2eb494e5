"""Bad input: one sentence that says what was expected, what came and where, before any kernel runs."""

import numpy as np
import pytest
import torch
from gdl_graphs import Graph, PointSet

NAN = float("nan")
RING = torch.tensor([[0, 1, 2], [1, 2, 0]])


@pytest.fixture(autouse=True)
def no_kernel_runs(monkeypatch):
    from gdl_core.kernels import Kernel

    def refuse(self, *args):
        raise AssertionError(f"the kernel {self.name} ran")

    monkeypatch.setattr(Kernel, "__call__", refuse)


def graph(ends=RING, nodes=3, **values):
    return Graph.from_edge_index(ends, nodes, **values)


@pytest.mark.parametrize(
    ("ends", "nodes", "error", "words"),
    [
        ([[0, 1, 2], [1, 3, 0]], 3, ValueError, "Edge 1 goes from sender 1 to receiver 3, but there are 3 receivers"),
        ([[0, 3, 7], [1, 0, 0]], 3, ValueError, "Edge 1 goes from sender 3 to receiver 0, but there are 3 senders"),
        ([[0, -1], [1, 0]], 3, ValueError, "Edge 1 goes from sender -1"),
        ([[0], [-2]], 3, ValueError, "Edge 0 goes from sender 0 to receiver -2"),
        ([[2**40], [0]], 3, ValueError, f"sender {2**40}"),
        ([[0], [0]], 0, ValueError, "there are 0 senders"),
        ([[0.0, 1.0], [1.0, 0.0]], 3, TypeError, "integers, got sender of dtype torch.float32"),
        ([[True], [False]], 3, TypeError, "integers, got sender of dtype torch.bool"),
        ([0, 1, 2], 3, ValueError, r"edge_index must have the shape \[2, e\], got \[3\]"),
        ([[0, 1], [1, 0], [0, 0]], 3, ValueError, r"shape \[2, e\], got \[3, 2\]"),
        ([[0], [0]], -1, ValueError, "num_nodes must be a whole number from 0, got -1"),
        ([[0], [0]], 3.0, TypeError, "num_nodes must be a whole number from 0, got 3.0"),
        ([[0], [0]], None, TypeError, "num_nodes must be a whole number from 0, got None"),
        ([[0], [0]], "3", TypeError, "num_nodes must be a whole number from 0, got '3'"),
        ([[0], [0]], 2**31, ValueError, "fewer than"),
    ],
)
def test_edges_that_do_not_fit_are_named(ends, nodes, error, words):
    with pytest.raises(error, match=words):
        graph(ends, nodes)


def test_lists_of_unequal_length_are_told():
    with pytest.raises(ValueError, match="got 2 senders and 1 receivers"):
        Graph.from_edges([0, 1], [1], 2)
    with pytest.raises(ValueError, match=r"receiver must have the shape \[e\], got \[1, 2\]"):
        Graph.from_edges([0, 1], torch.zeros(1, 2, dtype=torch.int64), 2)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"edge_weight": torch.tensor([0.0, NAN, 1])}, ValueError, "edge_weight is NaN at edge 1, from node 1 to"),
        ({"edge_weight": torch.ones(2)}, ValueError, r"edge_weight must be \[3\], one number per edge, got \[2\]"),
        ({"edge_weight": torch.ones(3, 1)}, ValueError, r"got \[3, 1\]"),
        ({"edge_weight": torch.ones(3, dtype=torch.int64)}, TypeError, "floating-point tensor, got torch.int64"),
        ({"edge_weight": [1.0, 1.0, 1.0]}, TypeError, "floating-point tensor, got <class 'list'>"),
        ({"edge_features": torch.ones(4, 2)}, ValueError, r"must have 3 rows, one per edge, got \[4, 2\]"),
        ({"edge_features": torch.tensor(1.0)}, ValueError, r"must have 3 rows, one per edge, got \[\]"),
        ({"edge_features": np.ones((3, 2))}, TypeError, "edge_features must be a tensor, got <class 'numpy.ndarray'>"),
        ({"edge_features": torch.tensor([[0.0], [NAN], [NAN]])}, ValueError, "edge_features is NaN at edge 1"),
        ({"positions": torch.ones(2, 3)}, ValueError, r"positions must be \[3, d\], one row per point, got \[2, 3\]"),
        ({"positions": torch.ones(3)}, ValueError, r"positions must be \[3, d\]"),
        ({"positions": torch.full((3, 1), float("inf"))}, ValueError, "positions must be finite, got .* at point 0"),
        ({"positions": torch.ones(3, 2, dtype=torch.int64)}, TypeError, "positions must be a floating-point tensor"),
        ({"positions": [[0.0], [1.0], [2.0]]}, TypeError, "floating-point tensor, got <class 'list'>"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_told(values, error, words):
    with pytest.raises(error, match=words):
        graph(**values)


def test_infinite_weights_are_weights():
    assert graph(edge_weight=torch.tensor([0.0, float("inf"), 1.0])).num_edges == 3


@pytest.mark.parametrize("bad", [torch.ones(2, 3), torch.ones(3)])
def test_a_dense_matrix_must_be_square(bad):
    with pytest.raises(ValueError, match="An adjacency matrix is square"):
        Graph.from_dense(bad)


def test_a_dense_matrix_with_nan_is_refused():
    with pytest.raises(ValueError, match="NaN at edge 0, from node 1 to node 0"):
        Graph.from_dense(torch.tensor([[0.0, float("nan")], [0.0, 0.0]]))


@pytest.mark.parametrize("kind", [Graph, PointSet])
def test_an_empty_batch_is_refused(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__}.collate needs at least one .*, got an empty list"):
        kind.collate([])


def test_graphs_that_cannot_be_joined_are_told():
    weighted, wide = graph(edge_weight=torch.ones(3)), graph(edge_features=torch.ones(3, 2))
    with pytest.raises(ValueError, match="Sample 1 of the batch has no edge weights, others have"):
        Graph.collate([weighted, graph()])
    with pytest.raises(ValueError, match=r"Sample 1 of the batch has edge features of torch.float32 .* \[3\]"):
        Graph.collate([wide, graph(edge_features=torch.ones(3, 3))])
    with pytest.raises(ValueError, match=r"Sample 1 of the batch has edge features of .*64"):
        Graph.collate([wide, graph(edge_features=torch.ones(3, 2, dtype=torch.float64))])
    with pytest.raises(ValueError, match="got one made by a coarsening"):
        Graph.collate([graph().replace(parent=graph())])
    with pytest.raises(ValueError, match="got a padded one"):
        Graph.collate([graph().replace(real=torch.zeros(3, dtype=torch.int32))])
    with pytest.raises(ValueError, match="Sample 0 of the batch has no positions"):
        PointSet.collate([PointSet.of(2), PointSet.of(2, torch.ones(2, 3))])


@pytest.mark.parametrize(
    ("size", "error"), [(-1, ValueError), ([2, -3], ValueError), (2.5, TypeError), ([1, None], TypeError)]
)
@pytest.mark.parametrize("make", [PointSet.of, Graph.empty, Graph.complete, Graph.causal])
def test_sizes_are_whole_numbers(make, size, error):
    with pytest.raises(error, match=r"The number of points of sample \d must be a whole number from 0"):
        make(size)


def test_masks_must_be_masks():
    with pytest.raises(TypeError, match=r"mask of edges, bool\[3\], got torch.int64"):
        graph().keep_edges(torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"mask of edges, bool\[3\], got \[4\]"):
        graph().keep_edges(torch.ones(4, dtype=torch.bool))
    with pytest.raises(TypeError, match=r"mask of nodes, bool\[3\]"):
        graph().subgraph(torch.tensor([0, 2]))


def test_relabelling_needs_a_permutation_that_keeps_samples_apart():
    with pytest.raises(ValueError, match=r"one image per node, \[3\], got \[2\]"):
        graph().relabel(torch.tensor([0, 1]))
    for wrong in ([0, 1, 1], [0, 1, 3], [-1, 0, 1]):
        with pytest.raises(ValueError, match=r"a permutation of 0 \.\.\. 2"):
            graph().relabel(torch.tensor(wrong))
    two = Graph.collate([Graph.empty(2), Graph.empty(1)])
    with pytest.raises(ValueError, match="node 1 of sample 0 would go to sample 1"):
        two.relabel(torch.tensor([0, 2, 1]))


def test_edges_across_samples_are_refused():
    two = Graph.empty([2, 2])
    with pytest.raises(ValueError, match="from node 1 to node 2 joins samples 0 and 1"):
        two.with_edges(torch.tensor([0, 1]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="there are 4 senders"):
        two.with_edges(torch.tensor([4]), torch.tensor([1]))


@pytest.mark.parametrize("domain", [graph(), PointSet.of(3)])
@pytest.mark.parametrize("shape", [(2, 4), (3,), (4, 1), (3, 1, 1)])
def test_mismatched_feature_rows_are_told(domain, shape):
    with pytest.raises(ValueError, match=r"Here expects values \[3, c\] on"):
        domain.check(torch.zeros(shape), "Here")
