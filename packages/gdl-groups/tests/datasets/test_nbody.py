"""Charged particles: the law, the draws of the published program, the cache."""

import numpy as np
import pytest
import torch
from gdl_groups.datasets import nbody
from gdl_groups.datasets.nbody import PointCharges, energy, simulate


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(nbody, "DRAWN", (8, 4, 4))  # the published numbers cost a second
    return tmp_path


def test_steps_are_the_published_law_written_out():
    draw = np.random.default_rng(0)
    charges, x, v = draw.choice([-1.0, 1.0], (3, 5)), draw.normal(size=(3, 5, 3)), draw.normal(size=(3, 5, 3))
    x[0, 1] = x[0, 0] + 1e-3  # so near that the force is clipped
    got_x, got_v = simulate(charges, x, v, 7)
    for k in range(3):
        y, w = x[k].copy(), v[k].copy()
        for _ in range(7):
            force = np.zeros((5, 3))
            for i in range(5):
                for j in range(5):
                    if i != j:
                        away = y[i] - y[j]
                        force[i] += charges[k, i] * charges[k, j] * away / np.linalg.norm(away) ** 3
            w += 0.001 * np.clip(force, -100, 100)
            y += 0.001 * w
        np.testing.assert_allclose(got_x[k], y, rtol=0, atol=1e-12)
        np.testing.assert_allclose(got_v[k], w, rtol=0, atol=1e-12)


def test_momentum_and_energy_are_conserved():
    charges = np.array([[1.0, 1.0, -1.0]])
    x, v = np.array([[[0.0, 0, 0], [3, 0, 0], [0, 3, 0]]]), np.zeros((1, 3, 3))
    later_x, later_v = simulate(charges, x, v, 1000)
    assert np.abs(later_v).max() > 0.05
    np.testing.assert_allclose(later_v.sum(1), 0, atol=1e-12)
    assert energy(charges, later_x, later_v)[0] == pytest.approx(energy(charges, x, v)[0], abs=1e-4)


def test_the_input_is_left_as_it_was():
    x, v = np.ones((1, 2, 3)) * [[[0.0], [1.0]]], np.zeros((1, 2, 3))
    before = x.copy()
    simulate(np.ones((1, 2)), x, v, 3)
    np.testing.assert_array_equal(x, before)


def test_draws_are_those_of_the_published_program(monkeypatch):
    draw = np.random.RandomState(43)
    expected = []
    for _ in range(2):  # as it draws: charges, positions, velocities, noise of both for 49 frames
        charges = draw.choice(np.array([-1.0, 0.0, 1.0]), size=(5, 1), p=[0.5, 0, 0.5])
        x, v = draw.randn(3, 5) * 1.0, draw.randn(3, 5)
        v = v * 0.5 / np.sqrt((v**2).sum(axis=0)).reshape(1, -1)
        draw.randn(49, 3, 5), draw.randn(49, 3, 5)
        expected.append((charges[:, 0], x.T, v.T))
    found = nbody._draws((2, 1, 1), 43)
    for place, (charges, x, v) in enumerate(expected):
        np.testing.assert_array_equal(found[0][place], charges)
        np.testing.assert_array_equal(found[1][place], x)
        np.testing.assert_allclose(found[2][place], v, rtol=1e-15)
    assert set(np.unique(found[0])) <= {-1.0, 1.0}


def test_splits_are_states_and_displacements_and_do_not_depend_on_each_others_size():
    small = PointCharges(2, 1, 1, start=50, steps=20).splits()
    large = PointCharges(8, 4, 4, start=50, steps=20).splits()
    assert [len(part) for part in (large.train, large.valid, large.test)] == [8, 4, 4]
    for one, two in zip((small.train, small.valid, small.test), (large.train, large.valid, large.test)):
        (x, graph), target = one.__getitems__([0])[0]
        (y, other), goal = two.__getitems__([0])[0]
        assert torch.equal(x, y) and torch.equal(graph.positions, other.positions) and torch.equal(target, goal)
        assert graph.num_edges == 20 and x.shape == (5, 4) and target.shape == (5, 3)
    assert not torch.equal(small.train.x[:5], small.test.x)
    source = PointCharges(2, 1, 1, start=50, steps=20)
    charges, _, velocities, later = source.trajectories()
    (x, graph), target = small.train.__getitems__([1, 0])[0]
    torch.testing.assert_close(x[:5, 0].double(), torch.from_numpy(charges[1]))
    torch.testing.assert_close(x[5:, 1:].double(), torch.from_numpy(velocities[0]), rtol=0, atol=1e-7)
    torch.testing.assert_close((graph.positions + target)[:5].double(), torch.from_numpy(later[1]), rtol=0, atol=1e-6)
    assert source.signal((x, graph)).type.channels == 4


def test_trajectories_are_kept_and_read_again(cache, monkeypatch):
    first = PointCharges(2, 1, 1, start=5, steps=5).trajectories()
    assert len(list(cache.glob("point-charges-*.npz"))) == 1
    monkeypatch.setattr(nbody, "simulate", lambda *_: pytest.fail("simulated again"))
    for one, two in zip(first, PointCharges(2, 1, 1, start=5, steps=5).trajectories(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_without_a_cache_they_are_simulated_each_time(monkeypatch):
    monkeypatch.setenv("GDL_CACHE", "0")
    one, two = (PointCharges(2, 1, 1, start=5, steps=5).trajectories() for _ in range(2))
    np.testing.assert_array_equal(one[3], two[3])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"train": 9}, "train: expected from 1 to 8"), ({"test": 0}, "test: expected"), ({"steps": 0}, "start, steps")],
)
def test_impossible_sizes_are_one_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        PointCharges(**({"train": 2, "valid": 1, "test": 1} | options))
