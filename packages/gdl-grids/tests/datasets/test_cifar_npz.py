"""CIFAR-10's binary batches and NPZ files."""

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_grids.datasets import CIFAR10, NPZ

NAMES = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for name in NAMES:
        records = draw.integers(0, 256, (4, 3073), np.uint8)
        records[:, 0] %= 10
        records.tofile(folder / name)
    return tmp_path


def test_binary_batches_become_colour_images(root):
    splits = CIFAR10(str(root)).splits()
    assert (len(splits.train), len(splits.test)) == (20, 4)
    raw = np.fromfile(root / "cifar-10-batches-bin" / "test_batch.bin", np.uint8).reshape(4, 3073)
    image, label = splits.test[1]
    assert int(label) == raw[1, 0]
    green = torch.from_numpy(raw[1, 1 + 1024 : 1 + 2048].reshape(32, 32)).float() / 255
    torch.testing.assert_close(image[1], (green - CIFAR10.mean[1]) / CIFAR10.std[1])
    assert len(CIFAR10(str(root / "cifar-10-batches-bin")).splits().train) == 20


def test_a_missing_a_cut_off_and_a_mislabelled_batch_are_named(root):
    folder = root / "cifar-10-batches-bin"
    path = folder / "data_batch_3.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"data_batch_3\.bin: expected a multiple of 3073 bytes, got 12291"):
        CIFAR10(str(root)).splits()
    path.write_bytes(b"\x0b" + content[1:])
    with pytest.raises(DataError, match=r"data_batch_3\.bin: expected labels from 0 to 9, got 11"):
        CIFAR10(str(root)).splits()
    path.unlink()
    with pytest.raises(DataError, match=r"expected the file data_batch_3\.bin in .* which has data_batch_1\.bin"):
        CIFAR10(str(root)).splits()


def test_the_python_version_is_refused_because_pickles_run_code(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"")
    with pytest.raises(DataError, match="pickles run code when opened: expected the binary version"):
        CIFAR10(str(tmp_path)).splits()


def arrays(shape):
    draw = np.random.default_rng(0)
    return {
        "x_train": draw.integers(0, 256, (6, *shape), np.uint8),
        "y_train": np.arange(6) % 3,
        "x_test": draw.integers(0, 256, (3, *shape), np.uint8),
        "y_test": np.arange(3),
    }


@pytest.mark.parametrize(("shape", "channels"), [((5, 7), 1), ((5, 7, 3), 3), ((3, 5, 7), 3), ((5, 7, 1), 1)])
def test_arrays_of_an_npz_file_become_images_whatever_the_order_of_their_axes(tmp_path, shape, channels):
    content = arrays(shape)
    np.savez(tmp_path / "own.npz", **content)
    source = NPZ(str(tmp_path / "own.npz"), (5, 7), channels, mean=(0.0,), std=(1.0,))
    image, label = source.splits().test[2]
    assert image.shape == (channels, 5, 7) and int(label) == 2
    expected = content["x_test"][2].reshape(shape)
    expected = expected if shape[:2] != (5, 7) else np.moveaxis(expected.reshape(5, 7, channels), -1, 0)
    torch.testing.assert_close(image, torch.from_numpy(expected.copy()).float() / 255)


def test_a_wrong_npz_file_is_told(tmp_path):
    path = tmp_path / "own.npz"
    source = NPZ(str(path), (5, 7))
    with pytest.raises(DataError, match="there is no file"):
        source.splits()
    content = arrays((5, 7))
    np.savez(path, x_train=content["x_train"])
    with pytest.raises(DataError, match="expected the array 'y_train', it has x_train"):
        source.splits()
    np.savez(path, **content | {"y_test": np.zeros(2, int)})
    with pytest.raises(DataError, match=r"expected y_test as 3 whole numbers, got int64\[2\]"):
        source.splits()
    np.savez(path, **content | {"x_train": content["x_train"][:, :4]})
    with pytest.raises(DataError, match=r"x_train of shape \[n, 5, 7, 1\], got \[6, 4, 7\]"):
        source.splits()
    np.savez(path, **content | {"y_test": np.array([{}, {}, {}], object)})
    with pytest.raises(DataError, match="something else than arrays of numbers"):
        source.splits()
    np.savez(path, **content)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match="damaged or cut off NPZ"):
        source.splits()
