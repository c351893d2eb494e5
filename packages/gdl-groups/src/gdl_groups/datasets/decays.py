"""Decays of heavy particles: momenta of what is seen, the invariant mass of where it came from."""

import torch
from gdl_core.train.source import Samples, Source, Splits
from torch import Tensor

FASTEST = 3.0  # rapidity of a boost that is still kept in float32


class Decays(Source):
    """Particles at rest or moving that fall into massless ones; the target is the logarithm of the invariant mass.

    A mass M, exp of a uniform number in (0, 1), falls in its rest frame into `particles` massless ones: normal momenta
    less their mean, scaled until the energies add up to M. The whole is then boosted along a random direction, by a
    rapidity uniform in (0, `train_rapidity`) for what is learnt from, and between that and `test_rapidity` for what is
    tested on. A network that keeps the Lorentz group cannot tell the difference. Units with c = 1.

    Inputs are four-momenta (E, p), component-major: `[4 · particles]`. Targets are `[1]`.

    Args:
        particles: how many are seen.
        train: samples to learn from.
        test: samples to test on.
        train_rapidity: largest rapidity in training.
        test_rapidity: largest rapidity in the test, at most 3.
        seed: of the draws.

    Raises:
        ValueError: if there are fewer than two particles, or rapidities do not grow from 0 to at most 3.

    Source: kinematics of the Review of Particle Physics (2022), §49.
    """

    def __init__(
        self,
        particles: int = 4,
        train: int = 4_000,
        test: int = 2_000,
        train_rapidity: float = 0.5,
        test_rapidity: float = 2.0,
        seed: int = 0,
    ):
        if particles < 2:
            raise ValueError(f"Decays: a decay has at least two particles, got {particles}.")
        if not 0 <= train_rapidity <= test_rapidity <= FASTEST:
            raise ValueError(
                f"Decays: rapidities grow from 0 to at most {FASTEST:g}, got {train_rapidity} and {test_rapidity}."
            )
        self.particles, self.counts, self.seed = particles, (train, test), seed
        self.rapidities = ((0.0, train_rapidity), (train_rapidity, test_rapidity))

    def splits(self) -> Splits:
        draw = torch.Generator().manual_seed(self.seed)
        parts = [decays(count, self.particles, *span, draw) for count, span in zip(self.counts, self.rapidities)]
        made = [Samples(momenta.mT.flatten(1).float(), mass.log()[:, None].float()) for momenta, mass in parts]
        return Splits(train=made[0], test=made[1])


def decays(count: int, particles: int, slowest: float, fastest: float, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw decays as `Decays` says: momenta (E, p) `[count, particles, 4]` and masses `[count]`, in float64."""
    mass = torch.rand(count, generator=draw, dtype=torch.float64).exp()
    p = torch.randn(count, particles, 3, generator=draw, dtype=torch.float64)
    p = p - p.mean(1, keepdim=True)
    energy = p.norm(dim=2, keepdim=True)
    rest = torch.cat([energy, p], 2) * (mass / energy.sum((1, 2)))[:, None, None]
    rapidity = slowest + (fastest - slowest) * torch.rand(count, generator=draw, dtype=torch.float64)
    along = torch.randn(count, 3, generator=draw, dtype=torch.float64)
    return torch.einsum("bij,bnj->bni", boost(along, rapidity), rest), mass


def boost(along: Tensor, rapidity: Tensor) -> Tensor:
    """Return the Lorentz transformation to a frame in which what rests moves along `along[..., 3]`, `[..., 4, 4]`."""
    n = along / along.norm(dim=-1, keepdim=True)
    cosh, sinh = rapidity.cosh()[..., None, None], rapidity.sinh()[..., None, None]
    space = torch.eye(3, dtype=n.dtype) + (cosh - 1) * n[..., :, None] * n[..., None, :]
    top = torch.cat([cosh, sinh * n[..., None, :]], -1)
    return torch.cat([top, torch.cat([sinh * n[..., :, None], space], -1)], -2)
