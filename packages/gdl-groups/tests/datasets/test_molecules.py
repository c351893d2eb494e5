"""Molecules: what files hold, shifts of energies, splits, and what damaged files say."""

import gzip

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_groups.datasets.molecules import Molecules, composition, element_shifts, join_frames
from gdl_groups.datasets.xyz import Frames, read_deepmd, read_frames, read_npz, read_xyz

ASE = pytest.importorskip("ase")


def xyz(count=6, lattice=False, seed=0):
    """Return extended XYZ of `count` waters or hydrogens: the energy is -1 per H and -10 per O, and a little."""
    draw, lines = np.random.default_rng(seed), []
    for place in range(count):
        kinds = "HH" if place % 3 == 2 else "OHH"
        energy = sum({"H": -1, "O": -10}[kind] for kind in kinds) + (0.01 if place == 0 else 0.0)
        box = 'Lattice="4 0 0 0 4 0 0 0 4" pbc="T T T"' if lattice else 'pbc="F F F"'
        lines += [str(len(kinds)), f"{box} Properties=species:S:1:pos:R:3:forces:R:3 energy={energy}"]
        for kind in kinds:
            numbers = draw.normal(size=6)
            lines.append(kind + " " + " ".join(f"{number:.8f}" for number in numbers))
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path):
    with gzip.open(tmp_path / "train.xyz.gz", "wt") as file:
        file.write(xyz(12))
    (tmp_path / "test.xyz").write_text(xyz(6, seed=1))
    return tmp_path


def test_files_are_read_as_they_are_compressed_or_not(folder):
    frames = read_xyz(folder / "train.xyz.gz")
    assert len(frames) == 12 and frames.sizes[:3].tolist() == [3, 3, 2] and frames.cell is None
    assert frames.numbers[:3].tolist() == [8, 1, 1] and frames.energy[:2].tolist() == [-11.99, -12.0]
    first = xyz().splitlines()[2].split()
    np.testing.assert_allclose([*frames.positions[0], *frames.forces[0]], [float(word) for word in first[1:]])


def test_selecting_configurations_takes_all_that_belongs_to_them(folder):
    frames = read_xyz(folder / "train.xyz.gz")
    part = frames.select([2, 0])
    assert part.sizes.tolist() == [2, 3] and part.numbers.tolist() == [1, 1, 8, 1, 1]
    np.testing.assert_array_equal(part.positions, frames.positions[[6, 7, 0, 1, 2]])
    assert len(frames.select([])) == 0


def test_shifts_fit_the_energies_of_elements(folder):
    frames = read_xyz(folder / "test.xyz")
    np.testing.assert_allclose(element_shifts(frames, (1, 8)), [-1, -10], atol=0.02)
    water = frames.select([1, 3])  # one composition: elements cannot be told apart, the energy can be fitted
    found = composition(water, (1, 8)) @ element_shifts(water, (1, 8))
    np.testing.assert_allclose(found, [-12, -12])


def test_splits_are_disjoint_and_energies_lose_their_shifts(folder):
    source = Molecules(str(folder), test="test.xyz", elements=[1, 8], size=6, valid=3, cutoff=2.0)
    splits = source.splits()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [6, 3, 6]
    molecules = [*splits.train.graph.unbatch(), *splits.valid.graph.unbatch()]
    assert len({tuple(molecule.positions[0].tolist()) for molecule in molecules}) == 9
    (x, graph), targets = splits.train.__getitems__([4, 1])[0]
    assert graph.batch_size == 2 and targets.energy.shape == (2,) and targets.forces.shape == (len(x), 3)
    assert torch.equal(targets.atoms, graph.ptr.diff().float())
    assert float(splits.train.targets.energy.abs().max()) < 0.05
    assert bool((x.sum(1) == 1).all()) and source.signal((x, graph)).type.channels == 2
    assert float(graph.vectors().norm(dim=1).max()) <= 2.0
    rest = Molecules(str(folder), elements=[1, 8], size=6, valid=3).splits()
    assert len(rest.test) == 3
    joined = Molecules(str(folder), "train.xyz.gz, test.xyz", elements=[1, 8], size=10, valid=3).splits()
    assert len(joined.test) == 5


def test_a_batch_is_the_configurations_side_by_side(folder):
    train = Molecules(str(folder), test="test.xyz", elements=[1, 8], valid=2, cutoff=2.0).splits().train
    parts, ends = train.graph.unbatch(), train.graph.ptr.tolist()
    (x, graph), targets = train.__getitems__([5, 0])[0]
    expected = [parts[5], parts[0]]
    for part, other in zip(graph.unbatch(), expected, strict=True):
        assert torch.equal(part.positions, other.positions) and torch.equal(part.vectors(), other.vectors())
    rows = torch.cat([torch.arange(ends[k], ends[k + 1]) for k in (5, 0)])
    assert torch.equal(x, train.x[rows]) and torch.equal(targets.forces, train.targets.forces[rows])


def test_cells_are_read_and_their_neighbours_found_across_the_border(tmp_path):
    (tmp_path / "train.xyz").write_text(xyz(6, lattice=True))
    graph = Molecules(str(tmp_path), "train.xyz", elements=[1, 8], size=3, valid=1, cutoff=3.5).splits().train.graph
    assert graph.cell.shape == (3, 3, 3) and bool((graph.shift != 0).any())
    assert float(graph.vectors().norm(dim=1).max()) <= 3.5
    open_, closed = (
        read_xyz(tmp_path / "train.xyz"),
        Frames(*(np.zeros((0, 3)),) * 2, np.zeros(0, int), *(np.zeros(0),) * 2),
    )
    with pytest.raises(DataError, match="different axes"):
        join_frames([open_, closed])


def test_archives_and_folders_of_deepmd_are_read(tmp_path):
    draw = np.random.default_rng(0)
    r, f, e = draw.normal(size=(4, 3, 3)), draw.normal(size=(4, 3, 3)), draw.normal(size=4)
    np.savez(tmp_path / "a.npz", z=np.array([8, 1, 1]), R=r, E=e[:, None], F=f)
    frames = read_frames(tmp_path / "a.npz")
    assert frames.sizes.tolist() == [3] * 4 and frames.numbers[:3].tolist() == [8, 1, 1]
    np.testing.assert_array_equal(frames.positions.reshape(r.shape), r)
    np.testing.assert_array_equal(frames.energy, e)
    part = tmp_path / "water" / "set.000"
    part.mkdir(parents=True)
    for name, values in (("coord", r.reshape(4, 9)), ("force", f.reshape(4, 9)), ("energy", e)):
        np.save(part / f"{name}.npy", values)
    np.save(part / "box.npy", np.tile(5 * np.eye(3).reshape(1, 9), (4, 1)))
    (tmp_path / "water" / "type.raw").write_text("0 1 1\n")
    (tmp_path / "water" / "type_map.raw").write_text("O H\n")
    water = read_frames(tmp_path / "water")
    assert water.periodic == (True,) * 3 and water.numbers[:3].tolist() == [8, 1, 1]
    np.testing.assert_array_equal(water.forces.reshape(f.shape), f)
    (part / "force.npy").unlink()
    with pytest.raises(DataError, match="no whole folder of DeePMD"):
        read_deepmd(tmp_path / "water")


@pytest.mark.parametrize("keep", [0.97, 0.5, 0.02])
def test_a_file_cut_off_is_one_sentence(tmp_path, keep):
    whole = xyz(6)
    (tmp_path / "cut.xyz").write_text(whole[: int(keep * len(whole))])
    with pytest.raises(DataError, match=r"cut\.xyz"):
        read_xyz(tmp_path / "cut.xyz")


def test_a_compressed_file_cut_off_is_one_sentence(folder, tmp_path):
    data = (folder / "train.xyz.gz").read_bytes()
    (tmp_path / "cut.xyz.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"cut\.xyz\.gz is cut off"):
        read_xyz(tmp_path / "cut.xyz.gz")
    np.savez(tmp_path / "b.npz", z=np.array([8]), R=np.zeros((2, 1, 3)))
    with pytest.raises(DataError, match="has no array"):
        read_npz(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(b"PK not an archive")
    with pytest.raises(DataError, match=r"c\.npz is cut off or no NumPy archive"):
        read_npz(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", z=np.array([8]), R=np.zeros((2, 3, 3)), E=np.zeros(2), F=np.zeros((2, 3, 3)))
    with pytest.raises(DataError, match="expected z"):
        read_npz(tmp_path / "d.npz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cut off or no extended XYZ|no configuration"),
        ("two atoms\n", "cut off or no extended XYZ"),
        (xyz(2).replace(" energy=-12.0", ""), "configuration 1 has no energy"),
        (xyz(2).replace(":forces:R:3", ":other:R:3"), "configuration 0 has no forces"),
        (xyz(2).replace("energy=-12.0", "energy=nan"), "energy of configuration 1 are not finite"),
        (xyz(1, lattice=True) + xyz(1), "configuration 1 repeats along other axes"),
    ],
)
def test_damaged_files_are_one_sentence(tmp_path, text, words):
    (tmp_path / "bad.xyz").write_text(text)
    with pytest.raises(DataError, match=words):
        read_xyz(tmp_path / "bad.xyz")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"root": None, "size": 1}, DataError, "--data.root FOLDER"),
        ({"train": "none.xyz", "size": 1}, DataError, r"no file .*none\.xyz"),
        ({"elements": [6, 8], "test": "test.xyz"}, DataError, "got an atom of number 1"),
        ({"size": 11}, DataError, "has 12 configurations, 15 are needed"),
        ({"valid": 0}, ValueError, "size, valid"),
        ({}, ValueError, "size: expected how many"),
    ],
)
def test_what_is_absent_or_does_not_fit_is_one_sentence(folder, options, error, words):
    with pytest.raises(error, match=words):
        Molecules(**({"root": str(folder), "elements": [1, 8], "valid": 3} | options)).splits()


def test_published_sets_have_their_published_numbers(shared_data):
    root = shared_data("botnet_datasets")
    splits = Molecules(str(root / "dataset_ethanol"), test="test_MD.xyz.gz", size=100).splits()
    assert len(splits.test) == 1000 and splits.test.graph.num_points == 9000
    assert float(splits.test.targets.energy.mean().abs()) < 0.1  # eV, of -4,209
    assert 0.5 < float(splits.train.targets.forces.square().mean().sqrt()) < 2
