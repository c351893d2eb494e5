"""Tables of molecules: features, missing values, and what is wrong with a table."""

import gzip

import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.datasets import Molecules
from gdl_graphs.io import read_molecules
from gdl_graphs.io.molecules import ATOM_CHANNELS, BOND_CHANNELS


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('name,a,b,smiles\n"x, y",1.5,,CC(=O)[O-]\nz,2,3,c1ccccc1Br\n')
    return path


def test_atoms_and_bonds_have_their_features(table):
    data = read_molecules(table, ["b", "a"])
    assert data.graph.ptr.tolist() == [0, 4, 11] and data.graph.num_edges == 2 * (3 + 7)
    assert data.target[1].tolist() == [3.0, 2.0] and data.target[0, 1] == 1.5 and data.target[0, 0].isnan()
    x, e = data.node_attributes, data.graph.edge_features
    assert x.shape == (11, ATOM_CHANNELS) and e.shape == (20, BOND_CHANNELS)
    assert (x[:, :12].sum(1) == 1).all() and (x[:, 12:17].sum(1) == 1).all() and (x[:, 17:20].sum(1) == 1).all()
    assert x[:, :12].argmax(1).tolist() == [0, 0, 2, 2, *[0] * 6, 7]
    assert x[:, 12:17].argmax(1).tolist() == [3, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert (x[:, 17:20].argmax(1) - 1).tolist() == [0, 0, 0, -1, *[0] * 7]
    assert x[:, 20].tolist() == x[:, 21].tolist() == [0.0] * 4 + [1.0] * 6 + [0.0]
    kinds = {tuple(ends): row.tolist() for ends, row in zip(data.graph.edge_index().T.tolist(), e, strict=True)}
    assert kinds[1, 2] == kinds[2, 1] == [0, 1, 0, 0, 0] and kinds[4, 5] == kinds[5, 4] == [0, 0, 0, 1, 1]


def test_a_compressed_table_is_the_same(table, tmp_path):
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    assert torch.equal(read_molecules(packed, ["a"]).node_attributes, read_molecules(table, ["a"]).node_attributes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("name,smiles\nx,C\n", "no column 'a'; it has name, smiles"),
        ("a,smile\n1,C\n", "no column 'smiles'.*Did you mean 'smile'"),
        ("a,smiles\n1,C\n2,C(\n", "line 3: 'C\\(' is no SMILES"),
        ("a,smiles\none,C\n", "line 2: .*'one'"),
        ("a,smiles\n1\n", "line 2"),
        ("", "it has none"),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=words):
        read_molecules(path, ["a"])


def test_parts_cover_the_molecules_that_have_the_value(tmp_path):
    rows = "".join(f"{number if number % 3 else ''},{'C' * (1 + number % 4)}\n" for number in range(60))
    (tmp_path / "t.csv").write_text(f"v,smiles\n{rows}")
    splits = Molecules(str(tmp_path), "t.csv", "v").splits()
    found = [part.chosen for part in (splits.train, splits.valid, splits.test)]
    assert [len(part) for part in found] == [32, 4, 4]
    assert sorted(torch.cat(found).tolist()) == [number for number in range(60) if number % 3]
    assert not torch.equal(Molecules(str(tmp_path), "t.csv", "v", seed=1).splits().test.chosen, found[2])
    (tmp_path / "few.csv").write_text("v,smiles\n1,C\n")
    with pytest.raises(DataError, match="at least ten molecules"):
        Molecules(str(tmp_path), "few.csv", "v").splits()
