"""`audit` names the layer that loses a symmetry, and no other: zero padding, striding, flattening, code in between."""

import torch
from gdl_core.geometry import Blueprint, Coarsening, Layer, Readout, Signal
from gdl_core.groups import CyclicGroup
from gdl_core.representations import FieldType
from gdl_core.verify import audit
from torch import nn
from torch.nn import functional


def conv(inner, outer, mode="circular", size=3, **options):
    return nn.Conv2d(inner, outer, size, padding=size // 2, padding_mode=mode, **options)


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5)]


def verdicts(found, symmetry="shift"):
    return {row.name: row.cells[symmetry].verdict for row in found.rows}


def test_a_periodic_network_is_exact_in_every_layer(toys):
    net = nn.Sequential(conv(1, 4), nn.ReLU(inplace=True), nn.BatchNorm2d(4), conv(4, 6), nn.GELU(), *head(6))
    for dtype in (torch.float64, torch.float32):
        found = audit(net.to(dtype), toys.image(dtype=dtype), "shift")
        assert set(verdicts(found).values()) == {"exact"}
        assert found.first_lost("shift") is None
        assert len(found.layers) == 8


def test_zero_padding_is_caught_and_named_wherever_it_stands(toys):
    for position in range(3):
        modes = ["zeros" if i == position else "circular" for i in range(3)]
        net = nn.Sequential(
            *[m for i in range(3) for m in (conv(1 if i == 0 else 4, 4, modes[i]), nn.ReLU())], *head(4)
        )
        found = audit(net, toys.image(dtype=torch.float32), "shift")
        lost = [name for name, verdict in verdicts(found).items() if verdict == "lost"]
        assert lost == [str(2 * position), "(output)"]
        assert found.first_lost("shift") == str(2 * position)


def test_every_layer_with_zero_padding_is_marked_not_only_the_first(toys):
    net = nn.Sequential(conv(1, 4, "zeros"), nn.ReLU(), conv(4, 4, "zeros"), *head(4))
    found = verdicts(audit(net, toys.image(dtype=torch.float32), "shift"))
    assert (found["0"], found["1"], found["2"]) == ("lost", "exact", "lost")


def test_a_strided_pool_is_caught_and_named_on_every_level(toys):
    net = nn.Sequential(conv(1, 4), nn.MaxPool2d(2), conv(4, 4), nn.ReLU(), nn.MaxPool2d(2), conv(4, 4), *head(4))
    found = audit(net.double(), toys.image(), "shift")
    assert [name for name, v in verdicts(found).items() if v == "lost"] == ["1", "4", "(output)"]
    assert found.first_lost("shift") == "1"
    assert found.verdict("shift") == "lost"


def test_zero_padding_on_a_coarse_grid_is_caught_although_no_motion_is_a_candidate(toys):
    net = nn.Sequential(nn.AvgPool2d(2), conv(1, 4, "zeros"), *head(4)).double()
    assert verdicts(audit(net, toys.image(), "shift"))["1"] == "lost"


def test_every_symmetry_of_the_domain_is_measured_by_default(toys):
    symmetric = nn.Conv2d(1, 1, 3, padding=1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        symmetric.weight.copy_(torch.tensor([[0.0, 1, 0], [1, 2, 1], [0, 1, 0]])[None, None])
    found = audit(nn.Sequential(symmetric), toys.image())
    assert found.symmetries == ("shift", "slide", "turn")
    assert verdicts(found, "turn")["0"] == "exact"  # zero padding keeps rotations
    assert verdicts(found, "shift")["0"] == "lost"
    assert set(verdicts(audit(conv(1, 2).double(), toys.image()), "turn").values()) == {"lost"}


def test_rounding_is_told_from_loss(toys):
    class Cancel(nn.Module):
        def forward(self, x):
            return (x * 0.1 + 300) - (x.mean((2, 3), keepdim=True) + 300)

    found = audit(nn.Sequential(Cancel(), conv(1, 2)), toys.image(dtype=torch.float32, shape=(8, 8)), "slide")
    cell = found.row("0").cells["slide"]
    assert (cell.verdict, cell.own > 1e-5, cell.own_double < 1e-9) == ("rounding", True, True)
    assert found.verdict("slide") == "rounding"
    assert verdicts(found, "slide")["1"] == "exact"


def test_discretisation_falls_with_resolution_and_a_border_does_not(toys):
    signal = toys.image((16, 16), cutoff=3)
    smooth = audit(nn.Sequential(conv(1, 4), nn.ReLU(), conv(4, 4)).double(), signal, ["shift", "slide"])
    cell = smooth.row("1").cells["slide"]
    assert cell.verdict == "discretisation" and cell.own_refined * 1.7 < cell.own
    assert verdicts(smooth, "slide") == {
        "0": "exact",
        "1": "discretisation",
        "2": "exact",
        "(output)": "discretisation",
    }
    assert smooth.first_lost("slide") is None
    assert set(verdicts(smooth, "shift").values()) == {"exact"}
    border = audit(nn.Sequential(conv(1, 4, "zeros"), nn.ReLU(), conv(4, 4)).double(), signal, "slide")
    cell = border.row("0").cells["slide"]
    assert cell.verdict == "lost" and cell.own_refined * 1.7 > cell.own
    assert border.first_lost("slide") == "0"
    assert border.verdict("slide") == "lost"


def test_a_bug_stays_at_every_resolution(toys):
    class Ramp(nn.Module):
        def forward(self, x):
            return x * torch.linspace(0, 1, x.shape[-1], dtype=x.dtype)

    found = audit(nn.Sequential(conv(1, 4), Ramp(), nn.ReLU()).double(), toys.image((16, 16), cutoff=3), "slide")
    assert found.first_lost("slide") == "1"
    assert verdicts(found, "slide")["2"] == "discretisation"


def test_layers_before_a_fixed_size_are_still_measured_at_double_resolution(toys):
    net = nn.Sequential(conv(1, 4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 256, 3)).double()
    found = audit(net, toys.image((16, 16), cutoff=3), "slide")
    assert verdicts(found, "slide") == {
        "0": "exact", "1": "discretisation", "2": "not placed", "3": "not placed", "(output)": "lost",
    }  # fmt: skip
    assert found.first_lost("slide") == "2"


def test_flatten_and_what_follows_are_not_placed(toys):
    net = nn.Sequential(conv(1, 4), nn.Flatten(), nn.Linear(4 * 144, 8), nn.ReLU(), nn.Linear(8, 3))
    found = audit(net.double(), toys.image(), "shift")
    assert verdicts(found) == {
        "0": "exact", "1": "not placed", "2": "not placed", "3": "not placed", "4": "not placed", "(output)": "lost",
    }  # fmt: skip
    assert found.first_lost("shift") == "1"
    assert found.row("2").cells["shift"].total > 1e-2
    assert "flatten" not in found.row("0").cells["shift"].note


def test_a_linear_map_after_flatten_that_is_invariant_recovers(toys):
    linear = nn.Linear(144, 2, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.ones(2, 144))
    found = audit(nn.Sequential(nn.Flatten(), linear, nn.ReLU()), toys.image(), "shift")
    assert found.verdict("shift") == "exact"
    assert found.first_lost("shift") is None
    assert verdicts(found)["2"] == "exact"


class Functional(nn.Module):
    """What people write: activations called twice, pooling and flattening as functions."""

    def __init__(self, pool="none", flatten=False, mode="circular"):
        super().__init__()
        self.pool, self.flatten = pool, flatten
        self.first, self.second, self.act = conv(1, 4, mode), conv(4, 4), nn.ReLU(inplace=True)
        self.last = nn.Linear(4 * (36 if pool == "max" else 144) if flatten else 4, 3)

    def forward(self, x):
        x = self.act(self.first(x))
        if self.pool == "max":
            x = functional.max_pool2d(x, 2)
        x = x + self.act(self.second(x))
        return self.last(x.flatten(1) if self.flatten else x.mean((2, 3)))


def test_in_place_and_twice_called_modules_and_code_between_them_are_right(toys):
    found = audit(Functional().double(), toys.image(), "shift")
    assert list(verdicts(found)) == ["first", "act", "second", "act (call 2)", "last", "(output)"]
    assert set(verdicts(found).values()) == {"exact"}


def test_a_function_between_modules_is_blamed_on_the_code_of_their_parent(toys):
    found = audit(Functional(pool="max").double(), toys.image(), "shift")
    assert found.first_lost("shift") == "code of Functional (before second)"
    kinds = verdicts(found)
    assert {kinds[name] for name in ("first", "act", "second", "act (call 2)", "last")} == {"exact"}
    assert found.row("second").cells["shift"].own < 1e-12 < 1e-3 < found.row("second").cells["shift"].total


def test_a_loss_in_code_is_found_behind_a_loss_in_a_layer(toys):
    found = audit(Functional(pool="max", mode="zeros").double(), toys.image(), "shift")
    assert found.first_lost("shift") == "first"
    assert verdicts(found)["code of Functional (before second)"] == "lost"


def test_flattening_in_code_is_blamed_on_the_code(toys):
    found = audit(Functional(flatten=True).double(), toys.image(), "shift")
    assert found.first_lost("shift") == "code of Functional (before last)"
    assert verdicts(found)["last"] == "not placed"


def test_code_after_the_last_module_is_blamed_too(toys):
    class Corner(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(conv(1, 4), nn.ReLU())

        def forward(self, x):
            x = self.body(x)
            return x * (torch.arange(x.shape[-1]) < 3)

    found = audit(nn.Sequential(Corner(), conv(4, 2)).double(), toys.image(), "shift")
    assert found.first_lost("shift") == "code of 0 (its output)"
    assert verdicts(found)["0.body.0"] == "exact"


def test_a_shared_module_is_one_name_with_several_calls(toys):
    shared = conv(1, 1, "zeros").double()

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = shared, shared

        def forward(self, x):
            return self.b(self.a(x))

    found = verdicts(audit(Twice(), toys.image(), "shift"))
    assert found == {"a": "lost", "a (call 2)": "lost", "(output)": "lost"}


def test_several_inputs_and_outputs_move_together(toys):
    class Mix(nn.Module):
        def forward(self, x, y, *, sign=1.0):
            return {"sum": x + sign * y, "pooled": (x * y).mean((2, 3))}

    class Crossed(nn.Module):
        def forward(self, x, y):
            return x + y.flip(3), y

    class Net(nn.Module):
        def __init__(self, second):
            super().__init__()
            self.pool, self.mix, self.second = nn.AvgPool2d(2, ceil_mode=False), Mix(), second

        def forward(self, x):
            mixed = self.mix(x, 2 * x, sign=-1.0)
            return self.second(mixed["sum"], x)[0], mixed["pooled"]

    class Join(nn.Module):
        def forward(self, x, y):
            return x * y, y

    assert set(verdicts(audit(Net(Join()), toys.image(), "shift")).values()) == {"exact"}
    assert audit(Net(Crossed()), toys.image(), "shift").first_lost("shift") == "second"


def test_modules_of_torch_nn_are_measured_as_a_whole(toys):
    class Attend(nn.Module):
        def __init__(self, position):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
            self.position = nn.Parameter(torch.randn(9, 4)) if position else None

        def forward(self, x):
            y = x.flatten(2).mT
            y = y if self.position is None else y + self.position
            return self.attention(y, y, y)[0].mT.unflatten(2, x.shape[2:])

    signal = toys.image((3, 3), channels=4)
    assert audit(Attend(False).double(), signal, "shift").verdict("shift") == "exact"
    assert audit(Attend(True).double(), signal, "shift").verdict("shift") == "lost"


def test_a_learned_position_is_named(toys):
    class Position(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.randn(1, 1, 12, 12))

        def forward(self, x):
            return x + self.value

    net = nn.Sequential(Position(), conv(1, 2)).double()
    assert audit(net, toys.image(), "shift").first_lost("shift") == "0"


class Typed(Layer):
    """Either a field of vectors times its length, or, as a bug, times its first component."""

    def __init__(self, type, bug):
        super().__init__(type, type)
        self.bug = bug

    def forward(self, x, domain=None):
        return x * (x[:, :1] if self.bug else x.square().sum(1, keepdim=True))


class Half(Coarsening):
    def forward(self, x, domain=None):
        y = functional.avg_pool2d(x, 2)
        return y, domain.locate(y)


class Length(Readout):
    def forward(self, x, domain=None):
        return x.square().sum(1, keepdim=True).mean((2, 3))


def test_parts_are_measured_with_their_types_and_domains(toys):
    vectors = FieldType(CyclicGroup(4), "1xstandard")
    plain = toys.image((8, 8), channels=2)
    signal = Signal(plain.values, plain.domain, vectors)
    parts = [Half(vectors, vectors), Typed(vectors, True), Length(vectors, 1), nn.Linear(1, 2, dtype=torch.float64)]
    found = audit(Blueprint(parts, plain.domain), signal, "turn")
    assert verdicts(found, "turn") == {
        "parts.0": "exact", "parts.1": "lost", "parts.2": "exact", "parts.3": "exact", "(output)": "lost",
    }  # fmt: skip
    parts[1] = Typed(vectors, False)
    assert audit(Blueprint(parts, plain.domain), signal, "turn").verdict("turn") == "exact"
    # A plain activation keeps the type of what it gets, and so is caught turning vectors.
    assert audit(nn.Sequential(Typed(vectors, False), nn.ReLU()), signal, "turn").first_lost("turn") == "1"


def test_inner_parts_of_a_part_are_rows_and_its_plain_modules_are_not(toys):
    class Block(Layer):
        def __init__(self):
            super().__init__(1, 1)
            self.inner, self.plain = Typed(FieldType.scalars(1), False), nn.Conv2d(1, 1, 1, dtype=torch.float64)

        def forward(self, x, domain=None):
            return self.plain(self.inner(x, domain))

    found = audit(nn.Sequential(Block()), toys.image(), "shift")
    assert list(verdicts(found)) == ["0.inner", "0", "(output)"]


def test_points_of_several_samples_and_whole_numbers(toys):
    class Embed(nn.Module):
        def __init__(self, order):
            super().__init__()
            self.table, self.order = nn.Embedding(15, 2, dtype=torch.float64), order

        def forward(self, x, domain):
            rank = torch.arange(15) if self.order else torch.zeros(15, dtype=torch.int64)
            return x + self.table(rank)

    signal = toys.cloud()
    assert audit(Embed(False), signal, "permutation").verdict("permutation") == "exact"
    found = audit(Embed(True), signal, "permutation")
    assert found.verdict("permutation") == "lost"
    assert found.first_lost("permutation") in ("table", "code of Embed (before table)", "code of Embed (its output)")


def test_only_the_candidate_that_came_by_must_be_kept(toys):
    # On a coarse grid a turn may have several images, of which a network that is right meets one.
    from gdl_core.geometry import Symmetry

    class Wide(Symmetry):
        def move(self, g, values, domain):
            return torch.rot90(values, int(g), (2, 3)), domain

        def candidates(self, g, signal):
            turned = self.act(g, signal)
            coarse = signal.values.shape[-1] < 8
            return [signal.with_values(turned.values.roll(1, 3)), turned] if coarse else [turned]

    class Kink(nn.Module):
        def forward(self, x):
            return x.roll(1, 2)

    signal = toys.image((8, 8))
    wide = Wide("wide", CyclicGroup(4), signal.domain)
    assert set(verdicts(audit(nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2)), signal, wide), "wide").values()) == {
        "exact"
    }
    assert audit(nn.Sequential(nn.MaxPool2d(2), Kink()), signal, wide).first_lost("wide") == "1"


def test_a_part_that_is_the_whole_network_has_one_row(toys):
    class Block(Layer):
        def __init__(self):
            super().__init__(1, 1)
            self.inner = Typed(FieldType.scalars(1), False)

        def forward(self, x, domain=None):
            return self.inner(x, domain) * torch.arange(12)

    found = audit(Block(), toys.image(), "shift")
    assert verdicts(found) == {"inner": "exact", "(output)": "lost"}
    assert found.first_lost("shift") == "(output)"
