"""Backbones of proteins: angles with a known value, invariance, and that mirror images differ."""

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs import GatedNetwork
from gdl_graphs.datasets import Proteins
from gdl_graphs.datasets.backbone_features import EDGE_CHANNELS, edge_features, node_features, torsion
from gdl_graphs.io.proteins import AMINO_ACIDS, read_backbones

FILE = "promod3_structuredb_3000.npz"


@pytest.fixture
def folder(tmp_path, small_data):
    small_data.write_proteins(tmp_path)
    return tmp_path


@pytest.mark.parametrize("degrees", [-120.0, -60.0, 0.0, 45.0, 179.0])
def test_a_torsion_is_the_angle_that_it_was_built_with(degrees):
    """Looking along b → c, a points up and d is turned clockwise by the angle."""
    angle = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    a, b, c = torch.tensor([[1.0, 0, -0.3], [0, 0, 0], [0, 0, 1.5]], dtype=torch.float64)[:, None]
    d = c + torch.stack([angle.cos(), angle.sin(), torch.tensor(0.4, dtype=torch.float64)])
    expected = torch.stack([angle.cos(), angle.sin()])[None]
    torch.testing.assert_close(torsion(a, b, c, d), expected, atol=1e-12, rtol=0)


def test_features_are_those_of_the_turned_and_moved_chain_and_not_of_its_mirror_image(folder):
    train = Proteins(str(folder), k=4).splits().train
    atoms = train.data.atoms.double()
    none = torch.zeros(len(atoms), dtype=torch.bool)
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))).Q
    turn = turn * torch.linalg.det(turn)
    moved = atoms @ turn.T + torch.tensor([1.0, -2, 3], dtype=torch.float64)
    mirrored = atoms * torch.tensor([1.0, 1, -1], dtype=torch.float64)
    for features in (lambda a: node_features(a, none, none), lambda a: edge_features(a, train.graph)):
        torch.testing.assert_close(features(moved), features(atoms), atol=1e-10, rtol=0)
        assert (features(mirrored) - features(atoms)).abs().max() > 0.1


def test_edges_see_the_distance_and_the_place_along_the_chain(folder):
    train = Proteins(str(folder), k=4).splits().train
    (x, graph), residues = train.__getitems__([0, 1])[0]
    assert x.shape == (18, 6) and residues.shape == (18,) and graph.edge_features.shape == (72, EDGE_CHANNELS)
    sender, receiver = graph.edge_index()
    atoms = train.data.atoms[torch.cat([torch.arange(0, 9), torch.arange(27, 36)])]  # chains 0 and 3 are to train on
    near = (atoms[sender, 1] - atoms[receiver, 1]).norm(dim=-1)
    seen = 10 * graph.edge_features[:, 16:28].reshape(-1, 4, 3)
    torch.testing.assert_close(seen[:, 1].norm(dim=-1), near, atol=1e-4, rtol=0)
    assert torch.equal(graph.edge_features[:, -17:].argmax(1) - 8, (sender - receiver).clamp(-8, 8))
    assert (x[0, :2] == 0).all() and (x[8, 2:] == 0).all() and (x[4] != 0).all()


def test_classes_are_amino_acids_and_others_are_left_out(folder):
    letters = np.load(folder / FILE)["seq"]
    residues = read_backbones(folder / FILE).residues
    known = [AMINO_ACIDS[number] if number >= 0 else "X" for number in residues.tolist()]
    assert "".join(known) == bytes(letters).decode() and "X" in known


def test_helices_of_real_proteins_have_the_angles_of_pauling(shared_data):
    arrays = np.load(shared_data("proteins") / FILE)
    stop = int(arrays["ptr"][200])
    atoms = torch.from_numpy(arrays["coords_N_CA_C_O_cA"][:stop].astype(np.float64) / 100)
    none = torch.zeros(stop, dtype=torch.bool)
    inside = np.pad(arrays["dssp"][:stop] == ord("H"), 1)
    middle = torch.from_numpy(inside[:-2] & inside[1:-1] & inside[2:])
    angles = node_features(atoms, none, none)[middle].reshape(-1, 3, 2)
    degrees = torch.atan2(angles[..., 1], angles[..., 0]).rad2deg().remainder(360).median(0).values
    torch.testing.assert_close(degrees, torch.tensor([297.0, 318.0, 180.0]).double(), atol=4.0, rtol=0)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("ptr", lambda a: a[:-1], "ptr must rise from 0 to 54, in 6 steps"),
        ("coords_N_CA_C_O_cA", lambda a: a[:-1], r"expected coordinates \[54, 4, 3\]"),
        ("coords_N_CA_C_O_cA", lambda a: np.where(a == a[7, 1, 2], np.nan, a), "finite coordinates, residue"),
        ("split", lambda a: a + 1, "split must be 0, 1 or 2"),
        ("seq", lambda a: a.astype(np.float32), "'seq' has another type"),
    ],
)
def test_a_wrong_file_is_one_sentence(folder, name, change, words):
    arrays = dict(np.load(folder / FILE))
    np.savez(folder / FILE, **{**arrays, name: change(arrays[name])})
    with pytest.raises(DataError, match=words):
        Proteins(str(folder)).splits()


def test_impossible_options_are_told():
    with pytest.raises(ValueError, match="at least one neighbour"):
        Proteins(k=0)
    with pytest.raises(ValueError, match="at least 1 layer"):
        GatedNetwork(6, 20, 54, layers=0)
