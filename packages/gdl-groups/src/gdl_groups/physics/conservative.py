"""`Conservative`: forces and stress as derivatives of an energy."""

from typing import Any, NamedTuple

import torch
from gdl_core.geometry import Domain
from gdl_core.representations import FieldType
from torch import Tensor, nn
from torch.utils import _pytree

from gdl_groups.geometric.checks import scalars_and_vectors
from gdl_groups.geometric.graph import GeometricGraph


class Prediction(NamedTuple):
    """What `Conservative` returns."""

    energy: Tensor  # [b]
    forces: Tensor  # [n, d]
    stress: Tensor | None = None  # [b, d, d]


_pytree._register_namedtuple(Prediction, serialized_type_name="gdl.Prediction")  # for torch.export


class Conservative(nn.Module):
    """E = Σ model, forces F = -∂E/∂x, stress σ = ∂E/∂ε / V: a field of forces that conserves energy.

    ε is a symmetric strain of positions and cell of a sample, x → (1 + ε) x. Derivatives are taken through the model by
    autograd and can be differentiated again wherever gradients are on, so that forces can be learnt. Where they are off
    (`torch.no_grad()`), energies and forces come out without a history.

    `head.compile()` compiles it in place, derivatives and their derivatives included. `torch.compile(head)` and
    `torch.export` follow no derivative inside a module: the first runs the head as it is, and with `fullgraph=True`
    refuses; `trace(head, x, graph)` is for it, and `physics.program.export` for the second.

    Args:
        model: `model(x, domain) -> [b, 1]` or `[b]`, one energy per sample.
        stress: whether to return the stress too; the samples then need cells.

    Shapes: x `[n, c]` on a graph of b samples -> `Prediction` of energy `[b]`, forces `[n, d]`, stress `[b, d, d]`,
    in the model's unit of energy, per length, per volume. A tensile stress is positive.

    Raises:
        TypeError: if called without a `GeometricGraph`.
        ValueError: if the model gives no energy per sample, or the stress is wanted in open space.

    Source: the book, §5.5 (the "constructive procedure"); Knuth et al. 2015 (stress by strain).
    """

    def __init__(self, model: nn.Module, stress: bool = False):
        super().__init__()
        self.model, self.stress = model, stress

    def output_types(self, domain: GeometricGraph) -> tuple[FieldType | None, ...]:
        """Return how energy, forces and stress move, for `audit`: not at all, as vectors, as matrices."""
        vector = scalars_and_vectors(0, 1, domain.space_dim)
        ((_, rep),) = vector.fields
        types = (None, vector, FieldType(vector.group, [(1, rep * rep)]))
        return types if self.stress else types[:2]

    def forward(self, x: Tensor, domain: Domain | None = None) -> Prediction:
        if not isinstance(domain, GeometricGraph):
            raise TypeError(f"Conservative needs positions: call it as head(x, geometric_graph), got {domain}.")
        if self.stress and domain.cell is None:
            raise ValueError("Conservative(stress=True) needs a cell, got a graph in open space.")
        if torch.compiler.is_dynamo_compiling():
            from gdl_groups.physics.uncompiled import run  # not before, because it loads Dynamo, which takes a second

            return run(self, x, domain)
        if torch.is_inference_mode_enabled():  # its tensors cannot be differentiated, copies can
            with torch.inference_mode(False), torch.no_grad():
                return self.forward(x.clone(), domain.map_tensors(torch.clone))
        again = torch.is_grad_enabled()
        with torch.enable_grad():
            return self._differentiate(x, domain, again)

    def _differentiate(self, x: Tensor, graph: GeometricGraph, again: bool) -> Prediction:
        # A displacement of zero: the derivative by it is that by the positions, whoever made these and from what.
        moved = torch.zeros_like(graph.positions).requires_grad_()
        positions, cell, variables = graph.positions + moved, graph.cell, [moved]
        if self.stress and cell is not None:
            strain = torch.zeros_like(cell).requires_grad_()
            variables.append(strain)
            symmetric = 0.5 * (strain + strain.mT)
            per_point = symmetric.index_select(0, graph.owner)
            positions = positions + torch.einsum("nj,nij->ni", positions, per_point)
            cell = cell + cell @ symmetric
        energy = self.model(x, graph.moved(positions, cell))
        if energy.shape not in ((graph.batch_size,), (graph.batch_size, 1)):
            raise ValueError(
                f"Conservative expects one energy per sample, [{graph.batch_size}, 1], "
                f"got {list(energy.shape)} from {type(self.model).__name__}."
            )
        energy = energy.reshape(graph.batch_size)
        if not energy.requires_grad:  # a model that looks at no position
            energy = energy + 0 * moved.sum()
        found = torch.autograd.grad(energy.sum(), variables, create_graph=again, allow_unused=True)
        slopes = [torch.zeros_like(v) if g is None else g for g, v in zip(found, variables)]
        stress = None
        if self.stress and cell is not None:
            stress = slopes[1] / torch.linalg.det(cell).abs()[:, None, None]
        if again:
            return Prediction(energy, -slopes[0], stress)
        return Prediction(energy.detach(), -slopes[0], None if stress is None else stress.detach())

    def compile(self, **options: Any) -> None:
        """Compile the head in place: calls trace it at first and then run the compiled trace, training included.

        Args:
            options: of `torch.compile`.
        """
        from gdl_groups.physics.program import CompiledHead

        self._compiled_call_impl = CompiledHead(self, **options)

    def extra_repr(self) -> str:
        return f"stress={self.stress}"


class Traced(nn.Module):
    """A `Conservative` head with its derivatives written out as operations, which compile, export and differentiate.

    Its parameters are those of the head. It runs on graphs of any size.
    """

    def __init__(self, program: nn.Module):
        super().__init__()
        self.program = program

    def forward(self, x: Tensor, domain: Domain) -> Prediction:
        return Prediction(*self.program(x, domain))


def trace(head: Conservative, x: Tensor, graph: GeometricGraph) -> Traced:
    """Return `head` with its derivatives as operations, recorded on an example; it keeps the head's parameters.

    Args:
        head: in the mode (training or evaluation) and of the dtype that it will run in.
        x: ``[n, c]``, an example.
        graph: its domain, of at least two points and two edges: batches of other sizes may follow, but with cells and
            `splits` where it has them.

    Raises:
        ValueError: if forces or their gradients, measured on the example, are not those of `head`; if it computes in a
            way that only fits the sizes of the example.
    """
    # Here, because the last of them imports SymPy, which takes a second.
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

    x, graph = several(x, graph)
    head.forward(x, graph)  # what is made at the first call (tables, kernels) must not be made of stand-ins
    shapes = ShapeEnv()
    mode = FakeTensorMode(allow_non_fake_inputs=True, shape_env=shapes)

    def sized(tensor: Tensor, axis: int = 0) -> Tensor:
        """A stand-in whose axis `axis` may have any length, whatever other lengths it happens to equal."""
        sizes = [DimDynamic.DYNAMIC if place == axis else DimDynamic.STATIC for place in range(tensor.dim())]
        return mode.from_tensor(tensor.detach(), symbolic_context=StatelessSymbolicContext(dynamic_sizes=sizes))

    leaves, spec = _pytree.tree_flatten(graph)
    stand_ins = iter([sized(tensor, axis) for tensor, axis in sized_axes(graph)])
    example = _pytree.tree_unflatten([next(stand_ins) if isinstance(leaf, Tensor) else leaf for leaf in leaves], spec)

    def run(x: Tensor, domain: GeometricGraph) -> tuple[Tensor, ...]:
        return tuple(part for part in head.forward(x, domain) if part is not None)

    with torch.enable_grad():
        program = make_fx(run, tracing_mode="symbolic", _allow_non_fake_inputs=True)(sized(x), example)
    fixed = [str(size) for size in shapes.replacements.values() if size.is_number]
    if fixed:
        raise ValueError(
            f"{type(head.model).__name__} computes in a way that only fits a size of {fixed[0]}, which this example "
            "has: a length became a Python number (len(x), int(x.shape[0]), an einsum of three tensors)."
        )
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.detach.default:  # a result that autograd saved; it has derivatives too
            node.replace_all_uses_with(node.args[0])
    for node in program.graph.nodes:
        if node.target is torch.ops.aten.sym_numel.default:  # the one operation on sizes that Dynamo does not take
            node.target = torch.numel
    program.graph.eliminate_dead_code()
    program.recompile()
    traced = Traced(program)
    _check(head, traced, x, graph)
    return traced


def several(x: Tensor, graph: GeometricGraph) -> tuple[Tensor, GeometricGraph]:
    """Return an example with at least two samples, since one of anything would be taken for a constant.

    Raises:
        ValueError: if it has less than two points or edges.
    """
    if graph.num_points < 2 or graph.num_edges < 2:
        raise ValueError(
            "trace needs an example with at least two points and two edges, "
            f"got {graph.num_points} and {graph.num_edges}."
        )
    if graph.batch_size > 1:
        return x, graph
    twice = graph.collate([graph, graph])
    if graph.incidence.splits is None:  # what follows has none either
        twice = twice.replace(incidence=twice.incidence.replace(splits=None))
    return torch.cat([x, x]), twice


def sized_axes(graph: GeometricGraph) -> list[tuple[Tensor, int]]:
    """Return the tensors of a graph, each with the axis whose length depends on samples, points or edges."""
    splits = graph.incidence.splits
    return [(leaf, 1 if leaf is splits else 0) for leaf in _pytree.tree_leaves(graph) if isinstance(leaf, Tensor)]


def _check(head: Conservative, traced: Traced, x: Tensor, graph: GeometricGraph) -> None:
    """Raise unless both give the same forces and the same gradients of their square."""
    variables = [parameter for parameter in head.parameters() if parameter.requires_grad]
    found = []
    with torch.enable_grad():
        for run in (head.forward, traced):
            forces = run(x, graph).forces
            slopes: tuple[Tensor | None, ...] = (None,) * len(variables)
            if forces.requires_grad and variables:
                slopes = torch.autograd.grad(forces.square().sum(), variables, allow_unused=True)
            found.append([forces, *(torch.zeros_like(v) if s is None else s for s, v in zip(slopes, variables))])
    scale = 1e-6 * sum(float(part.detach().norm()) for part in found[0])
    for own, other in zip(*found):
        near = 1e-3 * float(own.detach().norm()) + scale
        if not float((own - other).detach().norm()) <= near:
            raise ValueError(
                f"The trace of {type(head.model).__name__} has other derivatives than the module itself: "
                "it detaches a tensor, or takes another branch than it does on this example."
            )
