"""graph6 against NetworkX, counts of the shared lists, damaged lines."""

import networkx
import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs import Graph
from gdl_graphs.io import from_graph6, read_graph6


def drawn(sizes):
    return [networkx.gnp_random_graph(n, 0.4, seed=i) for i, n in enumerate(sizes)]


def encoded(graphs):
    return [networkx.to_graph6_bytes(graph, header=False).strip() for graph in graphs]


def test_every_size_and_every_order_is_decoded_as_networkx_does():
    graphs = drawn([5, 0, 1, 8, 5, 2, 62, 63, 64, 200, 1, 8])  # from 63 on, the size takes four bytes
    batch = from_graph6(encoded(graphs))
    assert batch.ptr.diff().tolist() == [len(graph) for graph in graphs]
    for graph, part in zip(graphs, batch.unbatch()):
        expected = networkx.to_numpy_array(graph, nodelist=range(len(graph))) if len(graph) else np.zeros((0, 0))
        assert torch.equal(part.to_dense(), torch.from_numpy(expected).float())


def test_files_with_and_without_header_and_arrays_of_strings_are_the_same(tmp_path):
    lines = encoded(drawn([5, 8, 8, 3]))
    expected = from_graph6(lines)
    (tmp_path / "plain.g6").write_bytes(b"\n".join(lines))
    (tmp_path / "header.g6").write_bytes(b">>graph6<<" + b"\r\n".join(lines) + b"\n")
    np.save(tmp_path / "bytes.npy", np.array(lines).reshape(2, 2))
    np.save(tmp_path / "text.npy", np.array([line.decode() for line in lines]))
    for name in ("plain.g6", "header.g6", "bytes.npy", "text.npy"):
        found = read_graph6(tmp_path / name)
        assert torch.equal(found.edge_index(), expected.edge_index()) and torch.equal(found.ptr, expected.ptr)
    assert read_graph6(tmp_path / "text.npy").batch_size == 4
    assert from_graph6([]).batch_size == 0


def test_the_shared_lists_have_their_counts(shared_data):
    folder = shared_data("expressiveness")
    connected = read_graph6(folder / "graph8c" / "graph8c.g6")
    assert connected.batch_size == 11117 and connected.num_nodes == 8 * 11117
    regular = read_graph6(folder / "sr25" / "sr251256.g6")
    assert regular.batch_size == 15 and torch.unique(regular.degree()).tolist() == [12]
    for part in regular.unbatch():  # srg(25, 12, 5, 6): neighbours have 5 common neighbours, others 6
        a = part.to_dense()
        assert torch.equal(a @ a, 12 * torch.eye(25) + 5 * a + 6 * (1 - a - torch.eye(25)))


def test_brec_has_400_pairs(shared_data):
    folder = shared_data("expressiveness") / "brec"
    counts = {"basic": 60, "regular": 50, "str": 50, "extension": 100, "cfi": 100, "4vtx": 20, "dr": 20}
    for name, pairs in counts.items():
        batch = read_graph6(folder / f"{name}.npy")
        assert batch.batch_size == 2 * pairs
        sizes = batch.ptr.diff()
        assert torch.equal(sizes[::2], sizes[1::2])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "graph 1 is not graph6"),
        (b":Fa@x^", r"graph 1 is not graph6, .* got b':Fa@x\^', which is sparse6"),
        (b"&AG", "which is digraph6"),
        (b"\x01\x02", "expected bytes from 63 to 126"),
        (b"D??", None),
        (b"D?", "graph 1 has 5 nodes, which takes 3 bytes of graph6, got 2"),
        (b"D???", "takes 3 bytes of graph6, got 4"),
        (b"~?", "graph 1 has 0 nodes, which takes 4 bytes of graph6, got 2"),
    ],
)
def test_damaged_lines_are_named(line, words):
    if words is None:
        assert from_graph6([b"@", line]).num_edges == 0
        return
    with pytest.raises(DataError, match=words):
        from_graph6([b"@", line])


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "list.npy"
    np.save(path, np.arange(3))
    with pytest.raises(DataError, match=r"list\.npy: expected an array of graph6 strings, got int64"):
        read_graph6(path)
    np.save(path, np.array([{}], object))
    with pytest.raises(DataError, match=r"list\.npy is a damaged or cut off array, or not of strings"):
        read_graph6(path)
    np.save(path, np.array(encoded(drawn([20, 20]))))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"list\.npy is a damaged or cut off array"):
        read_graph6(path)
    path.write_text("<html>page</html>")
    with pytest.raises(DataError, match=r"list\.npy: graph 0 is not graph6"):
        read_graph6(path)
    with pytest.raises(DataError, match="There is no file"):
        read_graph6(tmp_path / "nothing")
    assert isinstance(from_graph6(["D??"]), Graph)
