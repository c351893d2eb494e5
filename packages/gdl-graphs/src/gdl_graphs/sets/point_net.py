"""PointNet: a network for each point, the maximum over the points, a network for the set."""

from collections.abc import Sequence

import torch
from gdl_core.geometry import Domain, Readout
from gdl_core.incidence import broadcast, reduce
from gdl_core.representations import FieldType
from torch import Tensor, nn

from gdl_graphs.layers.checks import points_of
from gdl_graphs.layers.mlp import mlp
from gdl_graphs.layers.norm import BatchNorm
from gdl_graphs.sets.packed import as_channels, static_size


class PointNet(Readout):
    """y = ρ(max_i φ(x_i)), with φ and ρ perceptrons; before and inside φ, the set may turn its points by a matrix.

    Every layer but the last is followed by `BatchNorm` and a ReLU. A sample without points gives ρ(0).

    Args:
        in_type, out_type: invariant channels; coordinates may be among them.
        local: the channels of the layers of φ before the inner transform.
        features: those after it, the last of which the maximum is taken over.
        head: the channels inside ρ.
        input_transform: multiply the input by a matrix `[c, c]` that an `Alignment` makes of the set.
        feature_transform: the same for the last of the `local` channels. For samples of unequal sizes every point
            gets a copy of its matrix. The paper adds `orthogonality` of these matrices to the loss.
        norm: whether there are norms.

    Shapes: `[n, c] -> [b, out]`.

    Raises:
        ValueError: if `local` or `features` is empty. TypeError: if called without a `Graph` or `PointSet`.

    Source: Qi et al. 2017, fig. 2.
    """

    claims = ("permutation",)

    def __init__(
        self,
        in_type: FieldType | int,
        out_type: FieldType | int,
        local: Sequence[int] = (64, 64),
        features: Sequence[int] = (64, 128, 1024),
        head: Sequence[int] = (512, 256),
        input_transform: bool = False,
        feature_transform: bool = False,
        norm: bool = True,
    ):
        super().__init__(in_type, out_type)
        if not local or not features:
            raise ValueError(f"PointNet needs local channels and features, got {list(local)} and {list(features)}.")
        channels = self.in_type.channels
        self.input_alignment = Alignment(channels, norm=norm) if input_transform else None
        self.feature_alignment = Alignment(local[-1], norm=norm) if feature_transform else None
        self.local = shared([channels, *local], norm)
        self.features = shared([local[-1], *features], norm)
        self.head = mlp([features[-1], *head, self.out_type.channels], norm)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        if self.input_alignment is not None:
            x = self.input_alignment.apply_to(x, points)
        x = self.local(x)
        if self.feature_alignment is not None:
            x = self.feature_alignment.apply_to(x, points)
        return self.head(reduce(points.ptr, self.features(x), "max"))


class Alignment(Readout):
    """A = I + ρ(max_i φ(x_i)), a matrix for each sample; ρ starts as zero, so that A starts as the identity ("T-Net").

    Args:
        type: invariant channels c.
        features: the channels of φ.
        head: the channels inside ρ.
        norm: whether norms follow all layers but the last.

    Shapes: `[n, c] -> [b, c * c]`, row by row.

    Source: Qi et al. 2017, §4.2 and supplementary C.
    """

    claims = ("permutation",)

    def __init__(
        self,
        type: FieldType | int,
        features: Sequence[int] = (64, 128, 1024),
        head: Sequence[int] = (512, 256),
        norm: bool = True,
    ):
        super().__init__(type, as_channels(type) ** 2)
        self.features = shared([self.in_type.channels, *features], norm)
        self.head = mlp([features[-1], *head, self.out_type.channels], norm)
        nn.init.zeros_(self.head[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.head[-1].bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        change = self.head(reduce(points.ptr, self.features(x), "max"))
        return change + torch.eye(self.in_type.channels, dtype=x.dtype, device=x.device).flatten()

    def apply_to(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        """Return ``[n, c]``, each point (a row) times the matrix of its sample."""
        points = points_of(x, domain, self)
        matrix, size = self(x, points), static_size(points)
        if size is not None:
            rows = x.unflatten(0, (points.batch_size, size))
            return torch.bmm(rows, matrix.unflatten(1, (x.shape[1], x.shape[1]))).flatten(0, 1)
        matrices = broadcast(points.ptr, matrix, points.num_points).unflatten(1, (x.shape[1], x.shape[1]))
        return torch.einsum("ni,nij->nj", x, matrices)


def orthogonality(matrices: Tensor) -> Tensor:
    """Return the mean of ‖I - A Aᵀ‖² over the `matrices` ``[b, c * c]`` of an `Alignment` (Qi et al. 2017, eq. 2)."""
    width = round(matrices.shape[1] ** 0.5)
    a = matrices.unflatten(1, (width, width))
    return (torch.eye(width, dtype=a.dtype, device=a.device) - a @ a.transpose(1, 2)).square().sum((1, 2)).mean()


def shared(channels: Sequence[int], norm: bool) -> nn.Sequential:
    """Return linear maps between the given channels, each followed by a norm (if any) and a ReLU."""
    after = [BatchNorm(channels[-1])] if norm else []
    return nn.Sequential(*mlp(channels, norm), *after, nn.ReLU())
