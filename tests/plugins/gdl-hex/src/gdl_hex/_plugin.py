"""What gdl-hex provides, as strings: nothing heavy is imported to list it."""

from collections.abc import Iterator

from gdl_core.plugins import Case, Component, hookimpl

GDL_API = (1, 0)


@hookimpl
def gdl_components() -> Iterator[Component]:
    yield Component("domain", "torus", "gdl_hex:HexTorus", "Hexagonal cells on a torus, in axial coordinates.")
    yield Component("layer", "conv", "gdl_hex:HexConv", "The one-ring convolution of p6m, derived.")
    yield Component("readout", "mean", "gdl_hex:HexMean", "The mean over all cells.")


@hookimpl
def gdl_cases(component: Component) -> Iterator[Case]:
    import torch
    from gdl_core import DihedralGroup, FieldType, Signal

    from gdl_hex import HexConv, HexMean, HexTorus

    lattice, point = HexTorus(4), DihedralGroup(6)

    def inputs(fields):
        def draw(seed, dtype, device):
            generator = torch.Generator().manual_seed(seed)
            shape = 2, fields.channels, 4, 4
            return Signal(torch.randn(shape, generator=generator, dtype=dtype).to(device), lattice, fields)

        return draw

    if component.name == "torus":
        yield Case("4", lambda: lattice, inputs(FieldType(point, "1xstandard")))
    if component.name == "conv":
        for into, out in (("2xtrivial", "1xregular"), ("1xregular+1xstandard", "1xstandard+2xtrivial")):
            types = FieldType(point, into), FieldType(point, out)
            yield Case(f"{into}-{out}", lambda types=types: HexConv(lattice, *types), inputs(types[0]))
    if component.name == "mean":
        yield Case("3", lambda: HexMean(3), inputs(FieldType.scalars(3)))
