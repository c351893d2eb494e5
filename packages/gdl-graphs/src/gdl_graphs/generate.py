"""Graphs to begin with: Zachary's karate club, random graphs, lattices, neighbour graphs of points."""

from collections.abc import Sequence

import torch
from gdl_core.incidence import neighbours
from gdl_core.points import check_count
from torch import Tensor

from gdl_graphs.convert import from_networkx
from gdl_graphs.graph import Graph


def karate_club() -> tuple[Graph, Tensor]:
    """Return Zachary's karate club (1977): 34 nodes and 78 friendships without weights, and the sides ``int64[34]``.

    Class 0 stayed with the instructor (node 0), class 1 with the officer (node 33).
    """
    import networkx

    club = networkx.karate_club_graph()
    labels = torch.tensor([0 if side == "Mr. Hi" else 1 for _, side in club.nodes(data="club")])
    return from_networkx(club, weight=None), labels


def erdos_renyi(num_nodes: int, probability: float, *, directed: bool = False, generator: torch.Generator) -> Graph:
    """Draw each pair as an edge independently with this probability; time and memory go with the edges, not the pairs.

    Source: Erdős, Rényi (1959), in the form of Gilbert (1959); gaps between edges are geometric (Batagelj, Brandes,
    Phys. Rev. E 71, 2005).

    Args:
        num_nodes: n.
        probability: of each of the n (n - 1) / 2 pairs; if directed, of each of the n (n - 1) ordered ones.
        directed: whether the directions of a pair are drawn apart.
        generator: where the randomness comes from.

    Raises:
        ValueError: if the probability is not between 0 and 1.
    """
    n = check_count(num_nodes, "num_nodes")
    if directed:
        place = _bernoulli(n * (n - 1), probability, generator)
        receiver = place // max(n - 1, 1)
        sender = place % max(n - 1, 1)
        return Graph.from_edges(sender + (sender >= receiver), receiver, n)
    return _both(*_pair(_bernoulli(n * (n - 1) // 2, probability, generator)), n)


def stochastic_block_model(
    sizes: Sequence[int], probabilities: Tensor, *, generator: torch.Generator
) -> tuple[Graph, Tensor]:
    """Draw an undirected graph whose edges are as likely as the blocks of their ends say (Holland et al., 1983).

    Args:
        sizes: the number of nodes of each of k blocks.
        probabilities: ``[k, k]``, symmetric.
        generator: where the randomness comes from.

    Returns:
        The graph and ``int64[n]``, the block of each node.

    Raises:
        ValueError: if the probabilities are not symmetric, between 0 and 1, one for each two blocks.
    """
    sizes = [check_count(size, f"The size of block {block}") for block, size in enumerate(sizes)]
    probabilities = torch.as_tensor(probabilities, dtype=torch.float64)
    if probabilities.shape != (len(sizes),) * 2 or not torch.equal(probabilities, probabilities.T):
        raise ValueError(
            f"probabilities must be a symmetric matrix [{len(sizes)}, {len(sizes)}], got {probabilities.tolist()}."
        )
    starts = torch.tensor([0, *sizes]).cumsum(0).tolist()
    low, high = [], []
    for a, size_a in enumerate(sizes):
        for b, size_b in enumerate(sizes[: a + 1]):
            pairs = size_a * (size_a - 1) // 2 if a == b else size_a * size_b
            place = _bernoulli(pairs, float(probabilities[a, b]), generator)
            i, j = _pair(place) if a == b else (place % max(size_b, 1), place // max(size_b, 1))
            low.append(i + starts[b])
            high.append(j + starts[a])
    blocks = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes, dtype=torch.int64))
    none = torch.zeros(0, dtype=torch.int64)
    return _both(torch.cat([none, *low]), torch.cat([none, *high]), starts[-1]), blocks


def ring(num_nodes: int) -> Graph:
    """Return the cycle of `num_nodes` nodes: each hears the one before and the one after."""
    return circulant(num_nodes, [1])


def circulant(num_nodes: int, skips: Sequence[int]) -> Graph:
    """Return the nodes of a ring where i and i ± s are joined for each skip s; [1, s] is a circular skip link graph.

    Source: Murphy, Srinivasan, Rao, Ribeiro (ICML 2019), whose CSL graphs have 41 nodes; no message-passing network
    tells them apart.

    Raises:
        ValueError: if there is no node, or a skip is no whole number from 1 to n - 1 (n / 2 and less are enough).
    """
    n = check_count(num_nodes, "num_nodes")
    wrong = [skip for skip in skips if not 0 < skip < max(n, 2)]
    if wrong:
        raise ValueError(f"Skips of a ring of {n} nodes are from 1 to {n - 1}, got {wrong[0]}.")
    near = sorted({step % n for skip in skips for step in (skip, -skip)} - {0}) if n else []
    receiver = torch.arange(n).repeat_interleave(len(near))
    return Graph.from_edges((receiver + torch.tensor(near, dtype=torch.int64).repeat(n)) % max(n, 1), receiver, n)


def grid(shape: Sequence[int], *, periodic: bool = False) -> Graph:
    """Return the points of a lattice in row-major order, each joined to the next along each axis.

    Args:
        shape: points per axis.
        periodic: whether the last point of an axis is joined to the first.
    """
    sizes = [check_count(size, f"The length of axis {axis}") for axis, size in enumerate(shape)]
    index = torch.arange(torch.Size(sizes).numel()).reshape(sizes)
    low, high = [torch.zeros(0, dtype=torch.int64)], [torch.zeros(0, dtype=torch.int64)]
    for axis, size in enumerate(sizes):
        if size < 2:
            continue
        closed = periodic and size > 2  # two points are joined once
        low.append((index if closed else index.narrow(axis, 0, size - 1)).reshape(-1))
        high.append((index.roll(-1, axis) if closed else index.narrow(axis, 1, size - 1)).reshape(-1))
    return _both(torch.cat(low), torch.cat(high), index.numel())


def neighbour_graph(
    positions: Tensor,
    k: int | None = None,
    radius: float | None = None,
    *,
    cell: Tensor | None = None,
    periodic: Sequence[bool] | None = None,
    ptr: Tensor | None = None,
    loop: bool = False,
) -> Graph:
    """Join each point to its `k` nearest, to all within `radius`, or to the `k` nearest of these; it is the receiver.

    Edge features are the displacements ``x[sender] + shift @ cell - x[receiver]``, ``[e, d]``, differentiable in the
    positions and the cell; positions are those given. Who is near whom is that of `gdl_core.incidence.neighbours`.

    Args:
        positions: ``[n, d]``.
        k: number of neighbours; ``to_undirected()`` of the result joins both ways.
        radius: largest distance.
        cell: ``[d, d]`` or ``[b, d, d]``, rows are lattice vectors: a periodic box.
        periodic: which lattice vectors repeat; all if left out.
        ptr: ``[b + 1]``, where samples begin; one sample if left out.
        loop: whether a point is joined to itself.

    Raises:
        ValueError, TypeError: as `gdl_core.incidence.neighbours` does.
    """
    owner = None
    if ptr is not None:
        counts = ptr.diff().long()
        if int(ptr[0]) != 0 or int(ptr[-1]) != len(positions) or bool((counts < 0).any()):
            raise ValueError(f"ptr must rise from 0 to the {len(positions)} points, got {ptr.tolist()}.")
        owner = torch.arange(len(counts), device=positions.device).repeat_interleave(counts)
    found = neighbours(positions, k, radius, cell=cell, periodic=periodic, batch=owner, loop=loop)
    steps = found.displacement(positions, cell, owner)
    graph = Graph.from_edge_index(found.incidence.edge_index(), len(positions))
    if ptr is not None and owner is not None:
        graph = graph.replace(ptr=ptr.int(), owner=owner.int())
    # Not given to `from_edges`: it would sort the images of one neighbour by displacement, here they are in order.
    return graph.replace(edge_features=steps, positions=positions)


def _both(low: Tensor, high: Tensor, nodes: int) -> Graph:
    """The graph of undirected edges, each given once."""
    return Graph.from_edges(torch.cat([low, high]), torch.cat([high, low]), nodes)


def _pair(place: Tensor) -> tuple[Tensor, Tensor]:
    """The pairs i < j of the numbers k = j (j - 1) / 2 + i; exact for any int64 that float64 holds to within one."""
    j = ((1 + (1 + 8 * place.double()).sqrt()) / 2).long()
    j = j - (j * (j - 1) // 2 > place).long()
    j = j + (j * (j + 1) // 2 <= place).long()
    return place - j * (j - 1) // 2, j


def _bernoulli(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """The numbers below `count` that come up, each independently with this probability, rising.

    Gaps are geometric, so that only what comes up is drawn; float64 uniforms make gaps of any size.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"A probability is between 0 and 1, got {probability}.")
    if probability == 0 or count == 0:
        return torch.zeros(0, dtype=torch.int64)
    if probability == 1:
        return torch.arange(count)
    mean = count * probability
    chunk = int(mean + 4 * mean**0.5) + 16
    scale = torch.log1p(torch.tensor(-probability, dtype=torch.float64))
    parts, last = [], -1
    while last < count:
        uniform = torch.rand(chunk, generator=generator, dtype=torch.float64)
        gaps = (torch.log1p(-uniform) / scale).floor().clamp(max=float(count)).long() + 1
        places = last + gaps.cumsum(0)
        parts.append(places)
        last = int(places[-1])
    places = torch.cat(parts)
    return places[places < count]
