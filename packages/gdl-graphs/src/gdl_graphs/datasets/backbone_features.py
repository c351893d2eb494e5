"""What a backbone of a protein looks like from within: numbers that rotations and translations leave.

A mirror image has others: natural proteins turn one way (Ingraham et al., NeurIPS 2019, §2.1, uses the same frames).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_graphs.graph import Graph

NODE_CHANNELS = 6
RADII, OFFSETS = 16, 8
EDGE_CHANNELS = RADII + 12 + 9 + 2 * OFFSETS + 1


def node_features(atoms: Tensor, starts: Tensor, stops: Tensor) -> Tensor:
    """Return ``[n, 6]``: cosine and sine of the torsions φ, ψ and ω of each residue, 0 where a chain ends.

    Args:
        atoms: ``[n, 4, 3]``, N, CA, C, O.
        starts, stops: ``bool[n]``, the first and the last residues of chains.
    """
    nitrogen, alpha, carbon = atoms[:, 0], atoms[:, 1], atoms[:, 2]
    before, after = carbon.roll(1, 0), nitrogen.roll(-1, 0)
    phi = torsion(before, nitrogen, alpha, carbon).masked_fill(starts[:, None], 0)
    psi = torsion(nitrogen, alpha, carbon, after).masked_fill(stops[:, None], 0)
    omega = torsion(alpha, carbon, after, alpha.roll(-1, 0)).masked_fill(stops[:, None], 0)
    return torch.cat([phi, psi, omega], 1)


def torsion(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Return ``[n, 2]``, cosine and sine of the angle about b → c from a to d; IUPAC's sign."""
    axis = F.normalize(c - b, dim=-1)
    u, v = torch.linalg.cross(b - a, axis), torch.linalg.cross(axis, d - c)
    u, v = F.normalize(u, dim=-1), F.normalize(v, dim=-1)
    # u and v are the normals of the planes (a, b, c) and (b, c, d).
    return torch.stack([(u * v).sum(-1), (torch.linalg.cross(u, v) * axis).sum(-1)], -1)


def frames(atoms: Tensor) -> Tensor:
    """Return ``[n, 3, 3]``, three orthonormal rows for each residue: from N, CA and C by Gram-Schmidt."""
    first = F.normalize(atoms[:, 2] - atoms[:, 1], dim=-1)
    toward = atoms[:, 0] - atoms[:, 1]
    second = F.normalize(toward - (toward * first).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], 1)


def edge_features(atoms: Tensor, graph: Graph) -> Tensor:
    """Return ``[e, 54]``: how the receiver sees the sender.

    The distance of both CA in 16 Gaussians from 2 to 22 Å; the sender's four atoms in the receiver's frame, in units
    of 10 Å; the rotation between both frames; how far the sender is along the chain, one of 17 (from -8 or less to 8
    or more).

    Args:
        atoms: ``[n, 4, 3]``.
        graph: of n residues, numbered along the chains.
    """
    sender, receiver = graph.edge_index()
    here = frames(atoms)
    own, other = here[receiver], here[sender]
    seen = torch.einsum("eij,eaj->eai", own, atoms[sender] - atoms[receiver, 1:2]) / 10
    distance = (atoms[sender, 1] - atoms[receiver, 1]).norm(dim=-1, keepdim=True)
    centres = torch.linspace(2.0, 22.0, RADII, dtype=atoms.dtype, device=atoms.device)
    radial = torch.exp(-(((distance - centres) / 1.25) ** 2))
    turn = torch.einsum("eik,ejk->eij", own, other)
    along = F.one_hot((sender - receiver).clamp(-OFFSETS, OFFSETS) + OFFSETS, 2 * OFFSETS + 1).to(atoms.dtype)
    return torch.cat([radial, seen.flatten(1), turn.flatten(1), along], 1)
