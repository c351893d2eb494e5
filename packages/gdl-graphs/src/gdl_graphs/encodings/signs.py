"""Eigenvectors without their signs: an encoder that does not see them, and an augmentation that shuffles them."""

import torch
from gdl_core.geometry import Domain, Layer
from gdl_core.incidence import broadcast
from gdl_core.representations import FieldType
from torch import Tensor

from gdl_graphs.layers.checks import points_of
from gdl_graphs.layers.mlp import mlp


class SignNet(Layer):
    """y = ρ([φ(v_i, λ_i) + φ(-v_i, λ_i)]_i): the same for either sign of each eigenvector (Lim et al. 2022, eq. 3).

    Exactly so: both signs enter one sum. For eigenvalues of multiplicity 1 this is all that is ambiguous; for others
    see `BasisNet`.

    Args:
        vectors: how many eigenvectors, k.
        out_type: the channels of y.
        hidden: the channels of φ for each eigenvector.
        depth: the number of linear maps in φ and in ρ.
        phi: an equivariant layer from 2 channels (an eigenvector, its eigenvalue) to `hidden`, such as a graph
            convolution; a network applied to each node if None. It runs 2 k times.

    Shapes: x ``[n, 2 k]``, the vectors and then the eigenvalues (`LaplacianEncoding.features`) -> ``[n, c_out]``.

    Raises:
        ValueError: if `phi` has other channels.
    """

    claims = ("permutation",)

    def __init__(
        self, vectors: int, out_type: FieldType | int, hidden: int = 16, depth: int = 2, phi: Layer | None = None
    ):
        super().__init__(2 * vectors, out_type)
        if phi is not None and (phi.in_type.channels, phi.out_type.channels) != (2, hidden):
            raise ValueError(f"SignNet expects phi to go from 2 to {hidden} channels, got {phi!r}.")
        self.vectors = vectors
        self.phi = mlp([2, *[hidden] * depth]) if phi is None else phi
        self.rho = mlp([vectors * hidden, *[hidden] * (depth - 1), self.out_type.channels])

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        vectors, values = x.unflatten(1, (2, self.vectors)).unbind(1)
        signed = [torch.stack([sign * vectors, values], 2) for sign in (1, -1)]  # [n, k, 2]
        if isinstance(self.phi, Layer):
            parts = [[self.phi(one, points) for one in both.unbind(1)] for both in signed]
            plus, minus = (torch.stack(part, 1) for part in parts)
        else:
            plus, minus = (self.phi(both) for both in signed)
        return self.rho((plus + minus).flatten(1))

    def extra_repr(self) -> str:
        return f"{self.vectors} vectors -> {self.out_type}"


class RandomSign(Layer):
    """y_i = s_i v_i with a random sign for each eigenvector and sample while training (Dwivedi et al. 2020).

    The augmentation that teaches a network to ignore signs; in evaluation it is the identity.

    Args:
        type: the channels, one per eigenvector.

    Shapes: x ``[n, k]`` -> ``[n, k]``.
    """

    claims = ("permutation",)

    def __init__(self, type: FieldType | int):
        super().__init__(type, type)

    def forward(self, x: Tensor, domain: Domain | None = None) -> Tensor:
        points = points_of(x, domain, self)
        if not self.training:
            return x
        signs = 2.0 * torch.randint(2, (points.batch_size, x.shape[1]), device=x.device) - 1
        return x * broadcast(points.ptr, signs.to(x.dtype), x.shape[0])
