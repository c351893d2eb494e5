"""Windows of speeds: what is seen, what is predicted, and that no window reaches into another part."""

import pytest
import torch
from gdl_core.errors import DataError
from gdl_graphs.datasets import Traffic


@pytest.fixture
def folder(tmp_path, small_data):
    small_data.write_traffic(tmp_path)
    return tmp_path


def test_a_sample_is_what_was_seen_and_how_much_changes(folder):
    source = Traffic(str(folder), history=4, horizon=2)
    values, graph = source.read_speeds()
    (x, batch), change = source.splits().train.__getitems__([3, 7])[0]
    assert batch.batch_size == 2 and batch.num_nodes == 10 and torch.equal(batch.unbatch()[1].ptr, graph.ptr)
    kept = values[:144]  # 160 of 200 moments less a tenth
    seen = x * kept.std() + kept.mean()
    torch.testing.assert_close(seen[:5], values[3:7].T)
    torch.testing.assert_close(seen[5:], values[7:11].T)
    torch.testing.assert_close(change[5:], (values[11:13] - values[10]).T)


def test_parts_follow_each_other_in_time_and_share_no_moment(folder):
    splits = Traffic(str(folder), history=2, horizon=1).splits()
    values, _ = Traffic(str(folder)).read_speeds()
    for part, (first, stop) in ((splits.train, (0, 144)), (splits.valid, (144, 160)), (splits.test, (160, 200))):
        assert len(part) == stop - first - 2
        assert torch.equal(part.last, values[first + 1 : stop - 1])
        assert torch.equal(part.next[..., 0], values[first + 2 : stop])


def test_an_output_of_zero_is_persistence_and_errors_are_those_of_speeds(folder):
    splits = Traffic(str(folder), history=4, horizon=1).splits()
    (_, _), change = splits.test.__getitems__(list(range(len(splits.test))))[0]
    values, _ = Traffic(str(folder)).read_speeds()
    test = values[160:]
    torch.testing.assert_close(change.abs().mean(), (test[4:] - test[3:-1]).abs().mean())


def test_edges_have_the_weights_of_the_matrix_and_the_matrix_has_receivers_as_rows(folder):
    (folder / "los_adj.csv").write_text("0,2,0,0,0\n" + "0,0,0,0,0\n" * 4)
    _, graph = Traffic(str(folder)).read_speeds()
    assert graph.edge_index().tolist() == [[1], [0]] and graph.edge_features.tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "los_speed.csv").unlink(), "los_speed.csv"),
        (lambda folder: (folder / "los_speed.csv").write_text("1,2\n3\n"), "los_speed.csv"),
        (lambda folder: (folder / "los_speed.csv").write_text("1,2\n3,4\n3,4\n"), r"names 2 sensors.*\[5, 5\]"),
        (lambda folder: (folder / "los_speed.csv").write_text("a,b,c,d,e\n" + "1,1,1,1,1\n" * 60), "that change"),
        (lambda folder: (folder / "los_speed.csv").write_text("a,b,c,d,e\n1,1,nan,1,1\n"), "finite"),
        (lambda folder: (folder / "los_adj.csv").write_text("1,0\n0,1\n"), r"\[2, 2\]"),
    ],
)
def test_damaged_files_are_one_sentence(folder, damage, words):
    damage(folder)
    with pytest.raises(DataError, match=words):
        Traffic(str(folder)).splits()


def test_too_few_moments_and_impossible_windows_are_told(folder):
    with pytest.raises(DataError, match="at least 45 moments"):
        Traffic(str(folder), history=40, horizon=5).splits()
    with pytest.raises(ValueError, match="at least one step"):
        Traffic(history=0)
    with pytest.raises(ValueError, match="fractions"):
        Traffic(train_fraction=1.0)
