"""Meshes as voxels: OFF files, surfaces that commute with turns of the cube, ModelNet's folders."""

import itertools

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_groups import group_cnn
from gdl_groups.datasets.voxels import Voxels, _turn, read_off, voxelise

TETRAHEDRON = "OFF\n# a comment\n4 4 6\n0 0 0\n1 0 0\n0 2 0 # far\n0 0 3\n3 0 1 2\n3 0 1 3 255 0 0\n3 0 2 3\n3 1 2 3\n"


def test_off_files_are_read_with_comments_colours_and_a_header_that_runs_on(tmp_path):
    path = tmp_path / "a.off"
    path.write_text(TETRAHEDRON)
    points, faces = read_off(path)
    assert points.tolist() == [[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]
    assert faces.tolist() == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    path.write_text("OFF4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n")
    assert read_off(path)[1].tolist() == [[0, 1, 2], [0, 2, 3]]  # a square is two triangles


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not OFF"),
        ("PLY\n", "is not OFF"),
        (TETRAHEDRON[:60], "cut off or damaged"),
        ("OFF\n", "cut off or damaged"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "vertices 0 to 2, got 7"),
        ("OFF\nx y z\n", "cut off or damaged"),
    ],
)
def test_files_that_are_no_meshes_are_named(tmp_path, text, message):
    path = tmp_path / "a.off"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_off(path)


def box(a, b, c):
    corners = np.array(list(itertools.product((0, a), (0, b), (0, c))), float)
    quads = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    return corners, np.array([tri for q in quads for tri in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))])


def test_the_surface_of_a_cube_is_the_shell_of_its_cells():
    cells = voxelise(*box(1, 1, 1), 8)
    expected = np.zeros((8, 8, 8), bool)
    expected[1:7, 1:7, 1:7] = True
    expected[2:6, 2:6, 2:6] = False
    assert np.array_equal(cells, expected)
    with pytest.raises(ValueError, match="finite vertices"):
        voxelise(np.array([[0, 0, np.nan]]), np.array([[0, 0, 0]]), 8)


def test_the_24_orientations_are_all_different_and_no_mirror_images():
    image = torch.arange(27).reshape(1, 3, 3, 3)
    found = {tuple(_turn(image, k).flatten().tolist()) for k in range(24)}
    assert len(found) == 24 and tuple(image.flip(1).flatten().tolist()) not in found


def write(path, vertices, faces):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [" ".join(map(str, row)) for row in vertices] + ["3 " + " ".join(map(str, row)) for row in faces]
    path.write_text(f"OFF\n{len(vertices)} {len(faces)} 0\n" + "\n".join(rows) + "\n")


def test_folders_of_modelnet_are_read_and_a_network_keeps_their_orientations(tmp_path):
    for part, count in (("train", 3), ("test", 2)):
        for k in range(count):
            write(tmp_path / "flat" / part / f"{k}.off", *box(3 + k, 3, 1))
            write(tmp_path / "long" / part / f"{k}.off", *box(5 + k, 1, 1))
    source = Voxels(str(tmp_path), side=8)
    parts = source.splits()
    assert source.classes == ("flat", "long") and len(parts.train) == 6 and len(parts.test) == 4
    x, label = parts.train[0]
    assert x.shape == (1, 8, 8, 8) and x.dtype == torch.float32 and int(label) == 0
    net = group_cnn(1, 2, group="O", channels=(1, 2), ndim=3, domain=source.signal(x[None]).domain).double().eval()
    with torch.no_grad():
        scores = torch.cat([net(_turn(x.double(), k)[None]) for k in range(24)])
    assert float((scores - scores[:1]).abs().max()) <= 1e-12


def test_folders_without_classes_or_meshes_are_named(tmp_path):
    with pytest.raises(DataError, match="give --data"):
        Voxels().splits()
    with pytest.raises(DataError, match="CLASS/train and CLASS/test"):
        Voxels(str(tmp_path)).splits()
    for part in ("train", "test"):
        (tmp_path / "flat" / part).mkdir(parents=True)
    with pytest.raises(DataError, match="no OFF files in the folders train"):
        Voxels(str(tmp_path)).splits()


def test_a_real_mesh_is_one_connected_surface(shared_data):
    from scipy.ndimage import label

    points, faces = read_off(shared_data("meshes_trimesh") / "ballA.off")
    cells = voxelise(points, faces, 16)
    assert label(cells, np.ones((3, 3, 3)))[1] == 1 and 100 < cells.sum() < 16**3 / 2
