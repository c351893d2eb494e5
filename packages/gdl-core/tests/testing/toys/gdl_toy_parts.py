"""Toy parts on a ring: three good ones, and broken ones that each break one rule."""

import torch
from gdl_core.geometry import Coarsening, Domain, Layer, Readout, Signal, Symmetry, check_channels
from gdl_core.groups import CyclicGroup
from gdl_core.pytree import tensor_dataclass
from gdl_core.representations import FieldType
from torch import Tensor, nn


@tensor_dataclass(name="gdl_core.tests.Ring")
class Ring(Domain):
    """A ring of points; values are [b, c, n].

    Args:
        size: the number of points n.
    """

    size: int
    channel_axis = 1

    @property
    def num_points(self) -> int:
        return self.size

    def check(self, values: Tensor, where: str) -> None:
        if values.dim() != 3 or values.shape[2] != self.size:
            raise ValueError(f"{where}: expected [b, c, {self.size}], got {list(values.shape)}.")

    def symmetries(self):
        return {"shift": Shift(self)}

    def to_points(self, values: Tensor) -> Tensor:
        return values.mT

    def from_points(self, points: Tensor) -> Tensor:
        return points.mT


class Shift(Symmetry):
    def __init__(self, domain: Ring):
        super().__init__("shift", CyclicGroup(domain.size), domain)

    def move(self, g: Tensor, values: Tensor, domain: Domain) -> tuple[Tensor, Domain]:
        return values.roll(int(g) * domain.num_points // self.domain.num_points, -1), domain

    def candidates(self, g: Tensor, signal: Signal) -> list[Signal]:
        ratio = self.domain.num_points // signal.domain.num_points
        steps = {int(g) // ratio, -(-int(g) // ratio)}
        return [signal.with_values(signal.values.roll(step, 2)) for step in sorted(steps)]


class Conv(Layer):
    """y = w * x around the ring.

    Args:
        channels: of the input and of the output.
    """

    claims = ("shift",)
    padding = "circular"

    def __init__(self, channels: int = 3):
        super().__init__(channels, channels)
        self.conv = nn.Conv1d(channels, channels, 3, padding=1, padding_mode=self.padding)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, 1, self)
        return self.conv(x)


class Pool(Coarsening):
    """Every second point after a shift-invariant choice of the louder half: exact under shifts by one point."""

    claims = ("shift",)

    def __init__(self):
        super().__init__(3, 3)

    def out_domain(self, domain: Domain) -> Domain:
        return Ring(domain.num_points // 2)

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        check_channels(x, self.in_type, 1, self)
        halves = x.unflatten(2, (-1, 2))  # [b, c, n/2, 2]
        loud = halves.square().sum((1, 2))
        odd = (loud[:, 1] > loud[:, 0])[:, None, None]
        return torch.where(odd, halves[..., 1], halves[..., 0]), self.out_domain(domain or Ring(x.shape[2]))


class StridedPool(Pool):
    """Every second point: a shift by one point gives other values."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> tuple[Tensor, Domain]:
        check_channels(x, self.in_type, 1, self)
        return x[:, :, ::2].clone(), self.out_domain(domain or Ring(x.shape[2]))


class Mean(Readout):
    """The mean over the ring."""

    claims = ("shift",)

    def __init__(self):
        super().__init__(3, 3)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, 1, self)
        return x.mean(2)


class FirstPoint(Mean):
    """The value at the first point: not invariant."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return super().forward(x[:, :, :1])


class ZeroPadded(Conv):
    """Claims shifts, and pads with zeros."""

    padding = "zeros"


class InPlace(Conv):
    """Saves memory where no gradient is wanted, at the cost of its input."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, 1, self)
        return super().forward(x * 2 if torch.is_grad_enabled() else x.mul_(2))


class Tunnel(Conv):
    """Swallows misspelt options: channels, options."""

    def __init__(self, channels: int = 3, **options):
        super().__init__(channels)


class Unseeded(Conv):
    """Draws its weights from the operating system."""

    def __init__(self):
        super().__init__(3)
        self.conv.weight.data.normal_(0, 0.5, generator=_entropy())


class Noisy(Conv):
    """Draws noise in evaluation."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return super().forward(x) * (1 + 1e-14 * torch.rand((), dtype=x.dtype))


class Breaking(Conv):
    """Breaks the graph of torch.compile."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        torch._dynamo.graph_break()
        return super().forward(x)


class View(Layer):
    """Returns a view of its input."""

    claims = ("shift",)

    def __init__(self):
        super().__init__(3, 3)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        check_channels(x, self.in_type, 1, self)
        return x.view_as(x)


class Upcast(Conv):
    """Returns float32 for bfloat16."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        y = super().forward(x)
        return y.float() if x.dtype == torch.bfloat16 else y


class Reading(Conv):
    """Branches on a value, so that a GPU would wait."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        y = super().forward(x)
        return y if float(y.detach().abs().sum()) >= 0 else -y


class Mixing(Conv):
    """Subtracts the mean over the batch in evaluation."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        y = super().forward(x)
        return y - y.sum(0, keepdim=True) / max(x.shape[0], 1) * 0.5


class Detached(Conv):
    """Cuts the gradient of half of its output."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        y = super().forward(x)
        return 0.5 * y + 0.5 * y.detach()


class Shy(Conv):
    """Keeps a weight that no state dictionary holds."""

    def __init__(self):
        super().__init__(3)
        self.register_buffer("scale", torch.rand(()) + 0.5, persistent=False)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return self.scale * super().forward(x)


class Local(Conv):
    """Holds a function that pickle cannot find."""

    def __init__(self):
        super().__init__(3)
        self.function = lambda y: 2 * y

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return self.function(super().forward(x))


class Silent(Conv):
    """Checks nothing, and uses only the channels it knows."""

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        return self.conv(x[:, :3].to(self.conv.weight.dtype))


class Growing(Conv):
    """Makes a parameter when it is first trained."""

    def train(self, mode: bool = True):
        if mode and not hasattr(self, "extra"):
            self.extra = nn.Parameter(self.conv.weight.new_zeros(1))
        return super().train(mode)


class Exploding(Conv):
    """Starts with enormous weights."""

    def __init__(self):
        super().__init__(3)
        self.conv.weight.data.mul_(1e4)


class Constant(Conv):
    """Good, but its case has a constant input."""


class Undocumented(Conv):
    __doc__ = None


def _entropy() -> torch.Generator:
    generator = torch.Generator()
    generator.seed()
    return generator


def random_signal(seed: int, dtype: torch.dtype, device: str) -> Signal:
    values = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Signal(values.to(device, dtype), Ring(8), FieldType.scalars(3))


def constant_signal(seed: int, dtype: torch.dtype, device: str) -> Signal:
    return Signal(torch.ones(2, 3, 8, dtype=dtype, device=device), Ring(8), FieldType.scalars(3))
