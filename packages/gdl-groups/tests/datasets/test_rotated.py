"""Turned digits: the turn is that of the grid, the splits are disjoint, rotated MNIST follows its recipe."""

import gzip
import math
import struct

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError, UnknownNameError
from gdl_core.geometry import Signal
from gdl_core.grid import Grid
from gdl_core.representations import FieldType
from gdl_groups.datasets.rotated import RotatedDigits, RotatedMNIST, rotated_mnist, turned

pytest.importorskip("sklearn")


def test_a_turn_by_90_degrees_is_the_rotation_of_the_grid():
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    s = Signal(x, Grid((6, 6), "zero"), FieldType.scalars(3))
    for turn in range(4):
        found = turned(x, torch.full((2,), turn * math.pi / 2, dtype=torch.float64))
        expected = s.domain.symmetries()["rotation"].act(torch.tensor(turn), s).values
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


def test_every_image_has_an_angle_of_its_own_and_the_outside_keeps_its_value():
    x = torch.ones(2, 1, 8, 8)
    found = turned(x, torch.tensor([0.0, math.pi / 4]), outside=-3.0)
    torch.testing.assert_close(found[0], x[0])
    torch.testing.assert_close(found[1, 0, 0, 0], torch.tensor(-3.0))  # a corner has turned outside


def test_digits_are_trained_upright_and_tested_in_four_quarter_turns():
    parts = RotatedDigits().splits()
    assert len(parts.train) == 1433 and len(parts.test) == 4 * 364
    images, labels = parts.test.inputs, parts.test.targets
    assert images.shape[1:] == (1, 12, 12)
    for turn in range(4):
        block = slice(364 * turn, 364 * (turn + 1))
        assert torch.equal(images[block], images[:364].rot90(turn, (2, 3)))
        assert torch.equal(labels[block], labels[:364])
    train = {bytes(image.numpy().tobytes()) for image in parts.train.inputs}
    assert sum(image.numpy().tobytes() in train for image in images[:364]) <= 5  # scikit-learn holds a few twins
    values = parts.train[0][0]
    assert values.dtype == torch.float32 and float(values.min()) == pytest.approx(-0.3052 / 0.3758)


def test_any_angle_is_drawn_once_and_augmentation_anew():
    one, two = RotatedDigits(test="any").splits(), RotatedDigits(test="any", turn=30).splits()
    assert torch.equal(one.test.inputs, two.test.inputs) and len(one.test) == 364
    assert not torch.equal(two.train[0][0], two.train[0][0])
    assert torch.equal(one.train[0][0], one.train[0][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"test": "sideways"}, "test: expected"), ({"pad": -1}, "pixels"), ({"turn": 200}, "degrees")],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises((ValueError, UnknownNameError), match=message):
        RotatedDigits(**options)


def write_idx(path, values):
    header = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), 1))


def test_rotated_mnist_names_what_is_wrong_with_its_files(tmp_path):
    with pytest.raises(DataError, match="give --data"):
        RotatedMNIST().splits()
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        RotatedMNIST(str(tmp_path)).splits()
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", np.zeros((5, 28, 28), np.uint8))
    with pytest.raises(DataError, match=r"expected the sizes \[60000, 28, 28\], got \[5, 28, 28\]"):
        rotated_mnist(str(tmp_path))


def test_rotated_mnist_follows_its_recipe(shared_data):
    from scipy.ndimage import rotate

    root = shared_data("mnist")
    images, labels = rotated_mnist(str(root), 20)
    draw = np.random.RandomState(0)
    chosen, angles = draw.permutation(70000)[:62000], draw.uniform(0, 360, 62000)
    with gzip.open(root / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(root / "train-labels-idx1-ubyte.gz") as file:
        truth = np.frombuffer(file.read(), np.uint8, offset=8)
    position = next(i for i in range(20) if chosen[i] < 60000)
    expected = rotate(pixels[chosen[position]] / 255, angles[position], reshape=False, order=1).clip(0, 1) * 255
    assert np.abs(images[position, 0].numpy() - expected).max() <= 0.5
    assert int(labels[position]) == truth[chosen[position]]
