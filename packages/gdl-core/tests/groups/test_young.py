"""`YoungSubgroup`: permutations that keep blocks in place."""

import itertools

import torch
from gdl_core.groups import YoungSubgroup


def test_the_order_is_the_product_of_factorials():
    assert YoungSubgroup([3, 0, 2]).order == 12 and YoungSubgroup([]).order == 1
    assert YoungSubgroup([200]).order is None  # more than a float holds
    assert YoungSubgroup([3, 2]) == YoungSubgroup((3, 2)) and YoungSubgroup([3, 2]) != YoungSubgroup([2, 3])


def test_composition_applies_the_second_first_and_inverses_undo():
    group = YoungSubgroup([4, 3])
    for g, h in itertools.pairwise(group.sample(6, torch.Generator().manual_seed(0))):
        assert group.compose(g, h).tolist() == [int(g[h[i]]) for i in range(7)]
        assert torch.equal(group.compose(g, group.inverse(g)), group.identity())


def test_generators_generate_the_whole_group():
    group = YoungSubgroup([3, 1, 2, 0])
    reached, new = {tuple(group.identity().tolist())}, [group.identity()]
    while new:
        products = [group.compose(g, h) for g in group.generators() for h in new]
        new = [p for p in products if tuple(p.tolist()) not in reached]
        reached |= {tuple(p.tolist()) for p in new}
    assert len(reached) == group.order == 12


def test_samples_are_uniform_and_keep_blocks():
    group = YoungSubgroup([3, 2])
    drawn = group.sample(24_000, torch.Generator().manual_seed(0))
    assert (drawn[:, :3].sort().values == torch.arange(3)).all()
    assert (drawn[:, 3:].sort().values == torch.arange(3, 5)).all()
    counts = torch.unique(drawn, dim=0, return_counts=True)[1]
    assert len(counts) == 12
    assert ((counts - 2000) ** 2 / 2000).sum() < 31.3  # chi-squared with 11 degrees of freedom, 1 in 1000


def test_empty_and_single_blocks_have_the_identity_only():
    for sizes in ([], [0], [1, 1]):
        group = YoungSubgroup(sizes)
        assert torch.equal(group.generators(), group.identity()[None])
        assert group.sample(3).shape == (3, sum(sizes))
