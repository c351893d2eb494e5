"""IDX files: raw or compressed, and what is said about a damaged one."""

import gzip
import struct

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError

pytest.importorskip("torch.utils.data")

from gdl_grids.datasets import MNIST, FashionMNIST, read_idx


def idx(values):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture
def arrays():
    draw = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": draw.integers(0, 256, (20, 28, 28), np.uint8),
        "train-labels-idx1-ubyte": draw.integers(0, 10, 20, np.uint8),
        "t10k-images-idx3-ubyte": draw.integers(0, 256, (6, 28, 28), np.uint8),
        "t10k-labels-idx1-ubyte": draw.integers(0, 10, 6, np.uint8),
    }


@pytest.fixture
def root(tmp_path, arrays):
    for name, values in arrays.items():  # half of them compressed
        packed = "images" in name
        content = gzip.compress(idx(values)) if packed else idx(values)
        (tmp_path / (name + ".gz" * packed)).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
def test_images_come_back_normalised_with_their_labels(root, arrays, kind):
    splits = kind(str(root)).splits()
    assert (len(splits.train), len(splits.test)) == (20, 6)
    image, label = splits.test[2]
    assert image.shape == (1, 28, 28) and image.dtype == torch.float32
    pixels = torch.from_numpy(arrays["t10k-images-idx3-ubyte"][2]).float()
    torch.testing.assert_close(image[0], (pixels / 255 - kind.mean[0]) / kind.std[0])
    assert int(label) == arrays["t10k-labels-idx1-ubyte"][2] and label.dtype == torch.int64
    assert len(kind.classes) == 10


def test_a_folder_that_was_not_given_or_does_not_exist_is_told():
    with pytest.raises(DataError, match=r"MNIST needs the folder with its files: give --data\.root FOLDER"):
        MNIST().splits()
    with pytest.raises(DataError, match="there is no folder 'nowhere'"):
        MNIST("nowhere").splits()


def test_nothing_is_read_before_it_is_needed():
    MNIST("nowhere").signal(torch.zeros(1, 1, 28, 28))


def test_a_missing_file_is_named_and_those_that_are_there_are_listed(root):
    (root / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"expected the file t10k-labels-idx1-ubyte or .*\.gz") as caught:
        MNIST(str(root)).splits()
    assert "train-labels-idx1-ubyte" in str(caught.value) and "t10k-images-idx3-ubyte.gz" in str(caught.value)


def test_a_truncated_raw_file_is_told_with_both_sizes(root):
    path = root / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"expected 28 bytes for the sizes \[20\], got 25"):
        MNIST(str(root)).splits()


@pytest.mark.parametrize("share", [0.01, 0.3, 0.999])
def test_a_truncated_compressed_file_is_named(root, share):
    path = root / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz"):
        MNIST(str(root)).splits()


def test_a_flipped_byte_in_a_compressed_file_is_found(root):
    path = root / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is a damaged or cut off gzip file"):
        MNIST(str(root)).splits()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected an IDX header"),
        (b"\x00\x00\x0d\x01" + bytes(8), "00 00 0d"),
        (b"\x00\x00\x08\x03" + bytes(5), "a header of 16 bytes, got 9"),
        (b"PNG and more", "expected an IDX header"),
    ],
)
def test_a_file_of_another_format_is_told(tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_idx(tmp_path / "file")


def test_files_that_do_not_fit_each_other_are_told(root, arrays):
    (root / "train-labels-idx1-ubyte").write_bytes(idx(arrays["train-labels-idx1-ubyte"][:7]))
    with pytest.raises(DataError, match="train has 20 images and 7 labels"):
        MNIST(str(root)).splits()
    (root / "train-labels-idx1-ubyte").write_bytes(idx(arrays["t10k-images-idx3-ubyte"]))
    with pytest.raises(DataError, match="expected 1 axes, got 3"):
        MNIST(str(root)).splits()
    (root / "train-images-idx3-ubyte.gz").write_bytes(idx(arrays["train-images-idx3-ubyte"][:, :20]))
    with pytest.raises(DataError, match=r"expected 1 axes|expected images of \(28, 28\), got \(20, 28\)"):
        MNIST(str(root)).splits()
