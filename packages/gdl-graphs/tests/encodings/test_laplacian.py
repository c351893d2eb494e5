"""Eigenvectors of the Laplacian: SciPy's, closed forms, the gauge, components, large graphs and batches."""

import networkx as nx
import numpy as np
import pytest
import torch
from gdl_graphs import Graph, laplacian_encoding, laplacian_spectrum
from gdl_graphs.encodings import eigen
from scipy.sparse.csgraph import laplacian

F64 = torch.float64


def of(graph):
    return Graph.from_dense(torch.as_tensor(nx.to_numpy_array(graph)) != 0)


def matrix(graph, normalized):
    return torch.from_numpy(laplacian(graph.to_dense().double().numpy(), normed=normalized))


TRIANGLES = of(nx.disjoint_union(nx.complete_graph(3), nx.complete_graph(3)))
RANDOM = of(nx.gnp_random_graph(25, 0.2, seed=2))  # connected, its eigenvalues simple


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("keep", ["positive", "nontrivial", "all"])
def test_they_are_orthonormal_eigenvectors_with_the_smallest_eigenvalues(normalized, keep):
    weighted = RANDOM.replace(edge_weight=torch.ones(RANDOM.num_edges, dtype=F64))
    for graph in (RANDOM, TRIANGLES, weighted.with_self_loops(2.0)):
        found = laplacian_encoding(graph, 4, normalized, keep, dtype=F64)
        dense = matrix(graph, normalized)
        if graph.num_edges > RANDOM.num_edges and normalized:  # SciPy leaves loops out of D and A
            a = graph.to_dense()
            dense = torch.eye(25, dtype=F64) - a / (a.sum(0)[:, None] * a.sum(0)).sqrt()
        assert torch.allclose(dense @ found.vectors, found.vectors * found.values, atol=1e-12)
        assert torch.allclose(found.vectors.mT @ found.vectors, torch.eye(4, dtype=F64), atol=1e-12)
        values = torch.linalg.eigvalsh(dense)
        skip = {"all": 0, "nontrivial": 1, "positive": int((values < 1e-9).sum())}[keep]
        assert torch.allclose(found.values[0], values[skip : skip + 4], atol=1e-12)


def test_the_fiedler_vector_of_two_triangles_is_constant_on_each():
    vector = laplacian_encoding(TRIANGLES, 1, keep="nontrivial", dtype=F64).vectors[:, 0]
    assert torch.allclose(vector, torch.tensor([1.0, 1, 1, -1, -1, -1], dtype=F64) / 6**0.5, atol=1e-12)


def test_every_zero_eigenvalue_is_left_out_not_only_the_first():
    three = Graph.from_dense(torch.block_diag(*[1.0 - torch.eye(n) for n in (3, 4, 5)]))
    assert (laplacian_encoding(three, 3).values > 1).all()
    assert laplacian_encoding(three, 3, keep="all").multiplicity.tolist() == [[3, 3, 3]]
    assert laplacian_encoding(three, 3, keep="nontrivial").multiplicity.tolist() == [[2, 2, 4]]


def test_the_first_largest_entry_of_a_simple_eigenvector_is_positive():
    found = laplacian_encoding(RANDOM, 10, dtype=F64)
    assert found.multiplicity.tolist() == [[1] * 10] and found.group.tolist() == [list(range(10))]
    largest = found.vectors.abs().amax(0)
    first = (found.vectors.abs() >= largest * (1 - 1e-6)).int().argmax(0)
    assert bool((found.vectors.gather(0, first[None]) > 0).all())
    path = laplacian_encoding(of(nx.path_graph(4)), 1, normalized=False, dtype=F64).vectors[:, 0]
    assert float(path[0]) > 0 > float(path[3])  # antisymmetric: both ends are largest, the first one counts


def test_the_basis_of_an_eigenspace_does_not_depend_on_what_the_solver_returns(monkeypatch):
    ring = of(nx.cycle_graph(12))  # pairs of equal eigenvalues
    expected = laplacian_encoding(ring, 6, dtype=F64)
    assert expected.group.tolist() == [[0, 0, 1, 1, 2, 2]] and expected.multiplicity.tolist() == [[2] * 6]
    solve = torch.linalg.eigh

    def turned(matrices):
        values, vectors = solve(matrices)
        angle = torch.tensor(0.7, dtype=F64)
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2)
        blocks = torch.block_diag(torch.eye(1).double(), *[turn] * 5, -torch.eye(1).double())
        return values, vectors @ blocks

    monkeypatch.setattr(torch.linalg, "eigh", turned)
    assert torch.allclose(laplacian_encoding(ring, 6, dtype=F64).vectors, expected.vectors, atol=1e-10)


@pytest.mark.parametrize("k", [3, 5])
def test_where_k_cuts_through_an_eigenspace_whole_leaves_the_rest_out(k):
    ring = of(nx.cycle_graph(12))
    whole = laplacian_encoding(ring, k, dtype=F64).whole(ring)
    assert whole.group.tolist() == [[0, 0, *([1, 1] if k == 5 else []), -1]]
    assert bool((whole.vectors[:, -1] == 0).all()) and bool((whole.multiplicity[:, -1] == 0).all())


def test_a_batch_of_all_sizes_gives_what_its_graphs_give():
    graphs = [RANDOM, TRIANGLES, of(nx.cycle_graph(6)), Graph.empty(1), Graph.empty(0), Graph.empty(3), RANDOM]
    found = laplacian_encoding(Graph.collate(graphs), 4, dtype=F64)
    parts = [laplacian_encoding(graph, 4, dtype=F64) for graph in graphs]
    for field in ("values", "vectors", "group", "multiplicity"):
        joined = torch.cat([getattr(part, field) for part in parts])
        assert torch.allclose(getattr(found, field).double(), joined.double(), atol=1e-12), field
    assert torch.allclose(
        laplacian_spectrum(Graph.collate(graphs)), torch.cat([laplacian_spectrum(graph) for graph in graphs])
    )
    assert (found.group[5] == -1).all() and (found.values[5] == 0).all()  # three isolated nodes: nothing above 0
    assert found.features(Graph.collate(graphs)).shape == (Graph.collate(graphs).num_nodes, 8)


LARGE = {
    "torus": nx.grid_2d_graph(12, 12, periodic=True),  # eigenvalues of multiplicity 4 and 8
    "path": nx.path_graph(300),  # eigenvalues that crowd at 0
    "components": nx.disjoint_union_all([nx.cycle_graph(90), nx.cycle_graph(90), nx.star_graph(80), nx.empty_graph(2)]),
    "random": nx.random_regular_graph(4, 200, seed=0),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("keep", ["positive", "nontrivial"])
@pytest.mark.parametrize("normalized", [True, False])
def test_iteration_on_components_gives_what_a_dense_eigenproblem_gives(name, keep, normalized, monkeypatch):
    graph = of(LARGE[name])
    dense = laplacian_encoding(graph, 5, normalized, keep, dtype=F64)
    monkeypatch.setattr(eigen, "DENSE_NODES", 50)
    sparse = laplacian_encoding(graph, 5, normalized, keep, dtype=F64)
    again = laplacian_encoding(graph, 5, normalized, keep, dtype=F64)
    assert torch.equal(sparse.vectors, again.vectors)  # the start is fixed
    assert torch.equal(sparse.group, dense.group) and torch.equal(sparse.multiplicity, dense.multiplicity)
    assert torch.allclose(sparse.values, dense.values, atol=1e-12)
    assert torch.allclose(sparse.vectors, dense.vectors, atol=1e-7)


def test_of_an_eigenspace_of_very_many_dimensions_iteration_gives_a_part(monkeypatch):
    monkeypatch.setattr(eigen, "DENSE_NODES", 50)
    monkeypatch.setattr("gdl_graphs.encodings.lanczos.MOST_COPIES", 4)
    star = of(nx.star_graph(150))  # the eigenvalue 1 149 times
    found = laplacian_encoding(star, 3, dtype=F64)
    assert torch.allclose(found.values, torch.ones(1, 3, dtype=F64)) and 3 < int(found.multiplicity[0, 0]) < 20
    assert torch.allclose(matrix(star, True) @ found.vectors, found.vectors, atol=1e-10)


def test_the_spectrum_of_a_complete_graph_and_of_a_ring_in_closed_form():
    assert torch.allclose(
        laplacian_spectrum(of(nx.complete_graph(5))), torch.tensor([0, 1.25, 1.25, 1.25, 1.25]).double(), atol=1e-12
    )
    expected = np.sort(2 - 2 * np.cos(2 * np.pi * np.arange(7) / 7))
    assert torch.allclose(laplacian_spectrum(of(nx.cycle_graph(7)), False), torch.from_numpy(expected), atol=1e-12)


def test_directed_graphs_negative_weights_and_unknown_options_are_refused():
    with pytest.raises(ValueError, match="undirected"):
        laplacian_encoding(Graph.from_edges([0], [1], 2), 1)
    uneven = Graph.from_edges([0, 1], [1, 0], 2, edge_weight=torch.tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="undirected"):
        laplacian_spectrum(uneven)
    with pytest.raises(ValueError, match="weights from 0"):
        laplacian_spectrum(uneven.replace(edge_weight=-torch.ones(2)))
    with pytest.raises(ValueError, match="keep"):
        laplacian_encoding(TRIANGLES, 1, keep="some")
