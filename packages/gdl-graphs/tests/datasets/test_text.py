"""Characters of a text: windows, targets, the alphabet."""

import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.datasets import Text
from gdl_graphs.datasets.text import SHAKESPEARE


@pytest.fixture
def folder(tmp_path, small_data):
    small_data.write_text(tmp_path)
    return tmp_path


def test_targets_are_the_characters_that_follow_and_the_parts_do_not_overlap(folder):
    source = Text(str(folder), context=16)
    splits = source.splits()
    text = (folder / "input.txt").read_text()
    inputs, targets = splits.train[7]
    assert source.decode(inputs) == text[7:23] and source.decode(targets) == text[8:24]
    assert len(splits.train) == 1800 - 16  # every place of the first nine tenths
    last = splits.train[len(splits.train) - 1][1]
    assert source.decode(last) == text[1784:1800]
    assert splits.valid is splits.test and len(splits.test) == (200 - 1) // 16
    written = "".join(source.decode(splits.test[k][0]) for k in range(len(splits.test)))
    assert written == text[1800 : 1800 + len(written)]
    batch, following = splits.train.__getitems__([0, 5])[0]
    assert batch.shape == following.shape == (2, 16) and torch.equal(batch[:, 1:], following[:, :-1])


def test_windows_share_the_memory_of_the_text(folder):
    inputs = Text(str(folder), context=16).splits().train.inputs
    assert inputs.untyped_storage().nbytes() < 8 * 2001


def test_a_prompt_is_read_from_a_file_and_cut_to_the_context(folder):
    source = Text(context=8)
    (folder / "prompt.txt").write_text("the question\n")
    assert source.decode(source.read(folder / "prompt.txt")[0]) == "question"
    assert len(set(SHAKESPEARE)) == 65 and source.decode(source.encode(SHAKESPEARE, "")) == SHAKESPEARE


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: Text(context=0), ValueError, "at least one character"),
        (lambda folder: Text(train_fraction=1.0), ValueError, "fraction"),
        (lambda folder: Text().splits(), DataError, "--data.root FOLDER"),
        (lambda folder: Text(str(folder), context=500).splits(), DataError, "too short"),
        (lambda folder: Text(str(folder), alphabet="abc").splits(), DataError, "'T' at place 0"),
        (lambda folder: Text().read(folder / "absent.txt"), DataError, "no file"),
        (lambda folder: Text().read(folder / "empty.txt"), DataError, "is empty"),
        (lambda folder: Text().read(folder / "bytes.txt"), DataError, "cannot be read as text"),
    ],
)
def test_what_is_absent_or_does_not_fit_is_one_sentence(folder, make, error, words):
    (folder / "empty.txt").write_text("\n")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(error, match=words):
        make(folder)
