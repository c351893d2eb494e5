"""What the networks are made of: a choice of pool, and the residual block."""

from gdl_core.errors import UnknownNameError, closest
from gdl_core.geometry import Coarsening, Domain, Layer
from gdl_core.grid import grid_of
from gdl_core.representations import FieldType
from torch import Tensor, relu

from gdl_grids.conv import Conv
from gdl_grids.norm import BatchNorm
from gdl_grids.polyphase import PolyphasePool
from gdl_grids.pool import BlurPool, MaxPool, Subsample

POOLS = {
    "polyphase": lambda type: PolyphasePool(type, extend=True),
    "max-polyphase": lambda type: PolyphasePool(type, before="max", size=2, extend=True),
    "max": lambda type: MaxPool(type, 2),
    "blur": lambda type: BlurPool(type, 3),
    "stride": lambda type: Subsample(type, 2),
}


def coarsening(type: FieldType | int, pool: str) -> Coarsening:
    """Return the coarsening by two that `pool` names. None has parameters, so networks that differ in it share weights.

    `polyphase` and `max-polyphase` keep every shift (on sizes that two divides), `max`, `blur` and `stride` do not;
    `stride` is `polyphase` with a fixed choice, `max` is `max-polyphase` with a fixed choice.
    """
    if pool not in POOLS:
        raise UnknownNameError(f"There is no pool {pool!r}; there is {', '.join(POOLS)}." + closest(str(pool), POOLS))
    return POOLS[pool](type)


class ResidualBlock(Layer):
    """y = σ(s(x) + N θ_2 σ(N θ_1 x)): two convolutions with norms, added to the input (He et al. 2016; the book, eq.
    30).

    Where input and output differ in channels the shortcut s is a convolution of one point with a norm, else nothing.

    Args:
        in_type, out_type: invariant channels.
        kernel_size, ndim: of the convolutions.
    """

    claims = ("shift",)

    def __init__(self, in_type: FieldType | int, out_type: FieldType | int, kernel_size: int = 3, *, ndim: int = 2):
        super().__init__(in_type, out_type)
        self.conv1 = Conv(in_type, out_type, kernel_size, bias=False, ndim=ndim)
        self.norm1 = BatchNorm(out_type)
        self.conv2 = Conv(out_type, out_type, kernel_size, bias=False, ndim=ndim)
        self.norm2 = BatchNorm(out_type)
        same = self.in_type == self.out_type
        self.shortcut = None if same else Conv(in_type, out_type, 1, bias=False, ndim=ndim)
        self.norm3 = None if same else BatchNorm(out_type)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        grid = grid_of(x, domain, self, self.in_type)
        y = relu(self.norm1(self.conv1(x, grid), grid))
        y = self.norm2(self.conv2(y, grid), grid)
        if self.shortcut is not None and self.norm3 is not None:
            x = self.norm3(self.shortcut(x, grid), grid)
        return relu(x + y)
