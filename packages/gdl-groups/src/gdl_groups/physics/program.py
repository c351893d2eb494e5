"""Energies and forces as programs: `export` for other processes, and what `Conservative.compile` runs."""

from typing import Any

import torch
from gdl_core.geometry import Domain
from torch import Tensor
from torch.fx.experimental import _config as fx_config
from torch.utils import _pytree

from gdl_groups.geometric.graph import GeometricGraph
from gdl_groups.kernels import so2_conv, spherical_harmonics, tensor_product, wigner  # noqa: F401  programs call them
from gdl_groups.physics.conservative import Conservative, Prediction, several, sized_axes, trace


def export(head: Conservative, x: Tensor, graph: GeometricGraph) -> torch.export.ExportedProgram:
    """Return `head` as a program `program.module()(x, graph) -> Prediction` for graphs of any size.

    `torch.export.save` keeps it; a process that imports `gdl_groups.physics.program` loads and runs it.

    Args:
        head, x, graph: as in `trace`.

    Raises:
        ValueError: as `trace`.
    """
    x, graph = several(x, graph)
    shapes: Any = torch.export.ShapesCollection()
    shapes[x] = {0: torch.export.Dim.AUTO}
    for tensor, axis in sized_axes(graph):
        shapes[tensor] = {axis: torch.export.Dim.AUTO}
    # Otherwise torch takes no length for 1 that it has seen to be more, and refuses a single sample or atom.
    with torch.no_grad(), fx_config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        return torch.export.export(trace(head, x, graph), (x, graph), dynamic_shapes=shapes, strict=False)


class CompiledHead:
    """Runs a head by its compiled trace, made at the first call in each mode, dtype, device and kind of graph.

    A trace is recorded on the samples of that call. Where these have less than two atoms or edges, from which nothing
    can be told about others, the head runs as it is; so it does in inference mode. Hooks of the head itself do not run.

    Args:
        head: what to run.
        options: of `torch.compile`; `dynamic` is True unless given.
    """

    def __init__(self, head: Conservative, **options: Any):
        self.head, self.options = head, {"dynamic": True, **options}
        self._made: dict[tuple, Any] = {}

    def __call__(self, x: Tensor, domain: Domain | None = None) -> Prediction:
        if not isinstance(domain, GeometricGraph) or torch.is_inference_mode_enabled():
            return self.head.forward(x, domain)
        kinds = [(leaf.dtype, leaf.device) if isinstance(leaf, Tensor) else leaf for leaf in _leaves(x, domain)]
        key = (self.head.training, *kinds)
        if key not in self._made:
            if domain.num_points < 2 or domain.num_edges < 2:
                return self.head.forward(x, domain)
            self._made[key] = torch.compile(trace(self.head, x, domain), **self.options)
        return self._made[key](x, domain)


def _leaves(x: Tensor, graph: GeometricGraph) -> list[Any]:
    return [x, *_pytree.tree_leaves(graph)]
