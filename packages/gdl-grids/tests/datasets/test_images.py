"""What the sources of images share: random changes, the signal, reading a picture; and scikit-learn's digits."""

import numpy as np
import pytest
import torch
from gdl_core.errors import DataError
from gdl_grids.datasets import CIFAR10, MNIST, Digits
from gdl_grids.datasets.images import random_shift

Image = pytest.importorskip("PIL.Image")


def test_a_random_shift_moves_each_image_by_whole_pixels_within_reach_and_fills_the_rest():
    torch.manual_seed(0)
    images = torch.arange(1.0, 2 * 3 * 6 * 5 + 1).reshape(2, 3, 6, 5).repeat(100, 1, 1, 1)
    moved = random_shift(images, 2, torch.full((1, 3, 1, 1), -1.0))
    room = torch.nn.functional.pad(images, [2] * 4, value=-1.0)
    seen = set()
    for image, whole in zip(moved, room):
        found = [
            (i, j) for i in range(5) for j in range(5) if torch.equal(image, whole[:, i : i + 6, j : j + 5])
        ]  # fmt: skip
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 25  # every shift occurs
    assert random_shift(images, 0, torch.zeros(1, 3, 1, 1)) is images


def test_augmentation_is_for_training_only_and_flips_half_of_the_images():
    torch.manual_seed(0)
    source = Digits(shift=1, flip=True)
    splits = source.splits()
    indices = list(range(200))
    first, again = (splits.train.__getitems__(indices)[0][0] for _ in range(2))
    assert not torch.equal(first, again)
    plain = splits.train.plain()
    assert torch.equal(plain.__getitems__(indices)[0][0], plain.__getitems__(indices)[0][0])
    assert splits.test.augment is None
    flipped = Digits(flip=True).augment(plain.__getitems__(indices)[0][0])
    kept = (flipped == plain.__getitems__(indices)[0][0]).flatten(1).all(1).sum()
    assert 70 < kept < 130


def test_padding_is_black_and_the_signal_lives_on_the_padded_grid():
    source = Digits(pad=2, boundary="zero")
    values = source.splits().test.__getitems__([0, 1])[0][0]
    assert values.shape == (2, 1, 12, 12)
    black = -source.mean[0] / source.std[0]
    torch.testing.assert_close(values[:, :, :2], torch.full((2, 1, 2, 12), black))
    signal = source.signal(values)
    assert signal.domain.shape == (12, 12) and signal.domain.boundary == ("zero", "zero")


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="shift: expected a number of pixels from 0, got -1"):
        Digits(shift=-1)
    with pytest.raises(ValueError, match=r"boundary: expected .*periodic.*got 'round'"):
        Digits(boundary="round")


def test_digits_are_split_by_class_always_alike_and_normalised():
    pytest.importorskip("sklearn")
    first, again = Digits().splits(), Digits().splits()
    assert torch.equal(first.test.inputs, again.test.inputs)
    assert (len(first.train), len(first.test)) == (1433, 364)
    for label in range(10):
        share = (first.test.targets == label).sum() / (
            torch.cat([first.test.targets, first.train.targets]) == label
        ).sum()
        assert 0.19 < share < 0.22
    values = first.train.__getitems__(list(range(1433)))[0][0]
    assert abs(float(values.mean())) < 1e-3 and abs(float(values.std()) - 1) < 1e-3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_a_picture_of_any_mode_and_size_is_read(tmp_path, mode):
    grey = Image.fromarray(np.full((50, 31), 255, np.uint8))
    picture = grey.convert(mode) if mode != "I;16" else Image.fromarray(np.full((50, 31), 65535, np.uint16))
    path = tmp_path / ("white.tiff" if mode == "CMYK" else "white.png")
    picture.save(path)
    source = MNIST()
    values = source.read(path)
    assert values.shape == (1, 1, 28, 28) and values.dtype == torch.float32
    white = (1 - source.mean[0]) / source.std[0]
    torch.testing.assert_close(values, torch.full((1, 1, 28, 28), white))
    black = -source.mean[0] / source.std[0]
    torch.testing.assert_close(source.read(path, invert=True), torch.full((1, 1, 28, 28), black))
    assert CIFAR10().read(path).shape == (1, 3, 32, 32)


def test_what_is_transparent_is_ground(tmp_path):
    Image.new("RGBA", (9, 9), (255, 255, 255, 0)).save(tmp_path / "clear.png")
    black = Digits().prepare(torch.zeros(1, 1, 8, 8))
    for invert in (False, True):
        torch.testing.assert_close(Digits().read(tmp_path / "clear.png", invert), black)


def test_a_picture_reads_as_the_array_it_was_made_from(tmp_path):
    source = Digits(pad=1)
    (levels,) = source.splits().test.inputs[3]
    Image.fromarray((levels.numpy() * 15).astype(np.uint8)).save(tmp_path / "digit.png")
    expected = source.splits().test[3][0]
    got = source.read(tmp_path / "digit.png")[0]
    assert (got - expected).abs().max() < 17 / 16 / 15 / source.std[0]  # one level of rounding


def test_a_file_that_is_no_picture_is_told(tmp_path):
    with pytest.raises(DataError, match=r"There is no image .*absent\.png"):
        MNIST().read(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match=r"text\.png is not an image that can be read"):
        MNIST().read(tmp_path / "text.png")
    Image.new("L", (90, 90), 3).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"cut\.png is not an image that can be read"):
        MNIST().read(tmp_path / "cut.png")
