"""Norms of fields: their statistics come out as stated, for vectors, samples and batches; torch's for scalars."""

import pytest
import torch
from gdl_core.grid import Grid
from gdl_core.groups import DihedralGroup, LieGroup, O
from gdl_core.representations import FieldType
from gdl_groups._cases.geometric import cloud
from gdl_groups.fibre import BatchNorm, InstanceNorm, LayerNorm, RMSNorm
from torch.nn import functional

D4 = DihedralGroup(4)
FIELDS = FieldType(D4, "3xtrivial+2xregular+2xstandard")
ATOMS = FieldType(O(3), "3x0e+2x1o+1x2e")
SQUARE = Grid((6, 5))
EPS = 1e-12


def normal(*shape, seed=0):
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1.5


def fields(y, kind, axis=1):
    """Split into `[..., dim, copies, ...]`."""
    return [
        y.narrow(axis, s.start, s.stop - s.start).unflatten(axis, (r.dim, c))
        for s, (c, r) in zip(kind.slices(), kind.fields)
    ]


def close(value, expected):
    assert torch.allclose(value, torch.full_like(value, expected), atol=1e-9)


def test_rms_norm_makes_the_mean_square_of_each_field_one():
    for field in fields(RMSNorm(ATOMS, eps=EPS).double()(normal(5, ATOMS.channels)), ATOMS):
        close(field.square().mean((1, 2)), 1.0)


def test_layer_norm_centres_invariant_fields_of_a_point_and_scales_all():
    scalars, vectors, _ = fields(LayerNorm(ATOMS, eps=EPS).double()(normal(5, ATOMS.channels)), ATOMS)
    close(scalars.mean((1, 2)), 0.0)
    close(scalars.square().mean((1, 2)), 1.0)
    close(vectors.square().mean((1, 2)), 1.0)
    assert float(vectors.detach().mean((1, 2)).abs().min()) > 1e-3  # no mean of vectors is removed


@pytest.mark.parametrize(
    ("layer", "over"),
    [(lambda k: LayerNorm(k, "sample", eps=EPS), "copies"), (lambda k: InstanceNorm(k, eps=EPS), "points")],
)
def test_statistics_over_samples_are_those_of_each_sample(layer, over):
    graph, norm = cloud((4, 1, 6)), layer(ATOMS).double()
    y = norm(normal(11, ATOMS.channels), graph)
    axes = (0, 1, 2) if over == "copies" else (0, 1)
    for sample in (slice(0, 4), slice(5, 11)):
        scalars, vectors, tensors = fields(y[sample], ATOMS)
        close(scalars.mean(axes), 0.0)
        for field in (scalars, vectors, tensors):
            close(field.square().mean(axes), 1.0)
    assert y.isfinite().all()
    grid = layer(FIELDS).double()(normal(2, FIELDS.channels, 6, 5), SQUARE)
    scalars, regular, vectors = fields(grid, FIELDS)
    axes = (1, 2, 3, 4) if over == "copies" else (1, 3, 4)
    close(regular.mean(axes), 0.0)
    for field in (scalars, regular, vectors):
        close(field.square().mean(axes), 1.0)


def test_instance_and_layer_norms_of_scalars_are_those_of_torch():
    x = normal(2, 4, 6, 5)
    assert torch.allclose(InstanceNorm(4).double()(x, SQUARE), functional.instance_norm(x), atol=1e-12)
    assert torch.allclose(
        LayerNorm(4).double()(x.movedim(1, -1)), functional.layer_norm(x.movedim(1, -1), (4,)), atol=1e-12
    )
    whole = functional.group_norm(x, 1)
    assert torch.allclose(LayerNorm(4, "sample").double()(x, SQUARE), whole, atol=1e-12)


def test_batch_norm_has_the_statistics_of_the_batch_and_keeps_them():
    x, norm = normal(3, FIELDS.channels, 6, 5), BatchNorm(FIELDS, momentum=1.0, eps=EPS).double()
    scalars, regular, vectors = fields(norm(x, SQUARE), FIELDS)
    for field in (scalars, regular):
        close(field.mean((0, 1, 3, 4)), 0.0)
    for field in (scalars, regular, vectors):
        close(field.square().mean((0, 1, 3, 4)), 1.0)
    parts = fields(x, FIELDS)
    means = torch.cat([part.mean((0, 1, 3, 4)) for part in parts[:2]])
    assert torch.allclose(norm.running_mean, means, atol=1e-12)
    moments = [part.movedim(2, 0).flatten(1).var(1) for part in parts[:2]]  # unbiased
    moments.append(parts[2].square().mean((0, 1, 3, 4)))  # nothing was estimated, so nothing is corrected
    assert torch.allclose(norm.running_var, torch.cat(moments), atol=1e-12)
    frozen = norm.eval()(x, SQUARE)
    assert torch.allclose(
        frozen[:, 19:], torch.cat([v.flatten(1, 2) for v in fields(norm.train()(x, SQUARE), FIELDS)[2:]], 1), atol=1e-12
    )


def test_batch_norm_of_scalars_is_that_of_torch():
    x, ours, theirs = normal(3, 4, 6, 5), BatchNorm(4).double(), torch.nn.BatchNorm2d(4).double()
    for _ in range(2):
        assert torch.allclose(ours(x, SQUARE), theirs(x), atol=1e-12)
        assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-12)
        assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-12)
        ours, theirs, x = ours.eval(), theirs.eval(), x + 1


def test_batch_norm_of_regular_fields_equals_that_of_their_irreps():
    """In the basis of irreps the trivial one has a mean, the others have none: the general path gives the same."""
    regular = D4.representation("regular")
    other = FieldType(D4, [(2, (regular + D4.trivial()).rename("both"))])
    x = normal(4, 18, 6, 5)
    norm = BatchNorm(other, eps=EPS).double()
    assert norm._invariant == ["invariant0"]
    (field,) = fields(norm(x, SQUARE), other)
    close(field[:, :8].mean((0, 1, 3, 4)), 0.0)
    close(field[:, 8:].mean((0, 1, 3, 4)), 0.0)
    close(field.square().mean((0, 1, 3, 4)), 1.0)
    assert norm.running_mean.shape == (4,)


@pytest.mark.parametrize("points", [0, 1])
def test_batches_without_statistics_use_the_running_ones(points):
    norm = BatchNorm(ATOMS).double()
    norm.running_mean += 0.5
    x = normal(points, ATOMS.channels)
    before = norm.state_dict()["running_var"].clone()
    assert torch.equal(norm(x), norm.eval()(x))
    assert torch.equal(norm.running_var, before)


@pytest.mark.parametrize("layer", [RMSNorm, LayerNorm, InstanceNorm, BatchNorm])
def test_learned_numbers_are_per_copy_and_shifts_invariant(layer):
    norm = layer(ATOMS).double()
    assert norm.weight.shape == (6,)
    if layer is RMSNorm:
        assert norm.bias is None
        return
    assert norm.bias.shape == (3,)
    torch.nn.init.constant_(norm.weight, 0.0)
    norm.bias.data = torch.tensor([1.0, 2.0, 3.0]).double()
    y = norm(normal(4, ATOMS.channels), cloud((4,)))
    assert torch.equal(y[:, :3], norm.bias.expand(4, 3)) and not y[:, 3:].any()


@pytest.mark.parametrize("layer", [RMSNorm, LayerNorm, InstanceNorm, BatchNorm])
def test_half_precision_does_not_overflow(layer):
    x = (normal(8, ATOMS.channels) * 1000).half()
    y = layer(ATOMS).half()(x, cloud((8,)))
    assert y.dtype == torch.float16 and y.isfinite().all()
    assert float(y.detach().float().square().mean()) == pytest.approx(1, rel=0.2)


def test_bad_types_are_refused():
    boost = FieldType(LieGroup("boost", torch.tensor([[[0.0, 1], [1, 0]]]), is_compact=False), "1xstandard")
    with pytest.raises(TypeError, match="BatchNorm expects orthogonal representations"):
        BatchNorm(boost)
    with pytest.raises(ValueError, match="LayerNorm expects 14 channels"):
        LayerNorm(ATOMS)(torch.zeros(2, 15))
