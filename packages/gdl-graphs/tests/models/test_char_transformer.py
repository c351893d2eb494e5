"""The character model: causal, invariant under what lies beyond its context, and able to learn a text by heart."""

import pytest
import torch
from gdl_graphs import CharTransformer
from torch.nn.functional import cross_entropy


def small(**options):
    torch.manual_seed(0)
    return CharTransformer(5, 8, 16, 2, 2, **options).double()


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_logits_depend_on_characters_up_to_their_own_only(positions):
    model = small(positions=positions)
    torch.nn.init.normal_(model.embedding.weight)
    tokens = torch.tensor([[0, 1, 2, 3, 4, 0]])
    changed = tokens.clone()
    changed[0, 3] = 1
    same = torch.isclose(model(tokens), model(changed), rtol=0, atol=1e-13).all(-1)[0]
    assert same.tolist() == [True, True, True, False, False, False]


def test_a_batch_gives_what_its_texts_give():
    model, tokens = small(), torch.randint(5, (3, 7), generator=torch.Generator().manual_seed(1))
    looped = torch.cat([model(one[None]) for one in tokens])
    assert torch.allclose(model(tokens), looped, atol=1e-13)
    assert model(tokens[:0]).shape == (0, 7, 5)


def test_at_the_start_it_knows_nothing():
    tokens, following = torch.randint(5, (2, 16, 8), generator=torch.Generator().manual_seed(1))
    loss = cross_entropy(small()(tokens).flatten(0, 1), following.flatten())
    assert abs(float(loss.detach()) - torch.tensor(5.0).log()) < 0.1


def test_tied_weights_are_one_parameter_and_untied_two():
    tied, untied = small(), small(tied=False)
    assert tied.head.weight is tied.embedding.weight
    count = lambda model: sum(p.numel() for p in model.parameters())  # noqa: E731
    assert count(untied) - count(tied) == 5 * 16


def test_it_learns_a_cycle_and_continues_it():
    model = small().float()
    text = torch.arange(40) % 5
    windows = text.unfold(0, 9, 1)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(40):
        loss = cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    prompt = torch.tensor([[2, 3], [0, 1]])
    expected = torch.stack([torch.arange(2, 22) % 5, torch.arange(20) % 5])
    assert torch.equal(model.generate(prompt, 18, temperature=0), expected)  # longer than the context


def test_generated_text_repeats_under_its_generator():
    model = small()
    draws = [
        model.generate(torch.tensor([[0]]), 30, 1.0, torch.Generator().manual_seed(seed)).tolist() for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0][0]) == 31 and set(draws[0][0]) <= set(range(5))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_it_compiles_to_one_graph():
    model, tokens = small(), torch.randint(5, (2, 6), generator=torch.Generator().manual_seed(1))
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(tokens), model(tokens), atol=1e-12)


def test_bad_input_is_a_sentence():
    model = small()
    with pytest.raises(ValueError, match="reads 8 characters, got 9"):
        model(torch.zeros(1, 9, dtype=torch.int64))
    with pytest.raises(TypeError, match="expects integers"):
        model(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="t from 1"):
        model.generate(torch.zeros(1, 0, dtype=torch.int64), 3)
    with pytest.raises(ValueError, match="'rotary' or 'learned'"):
        CharTransformer(positions="none")
