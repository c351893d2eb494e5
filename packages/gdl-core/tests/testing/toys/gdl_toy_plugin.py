"""A plugin whose components are chosen classes of `gdl_toy_parts`."""

from collections.abc import Mapping

from gdl_core.plugins import Case, Component, hookimpl

GDL_API = (1, 0)


class Toy:
    """The plugin of these classes.

    Args:
        kinds: the kind of component of each class, by the name of the class.
        exceptions: of the only case of each component.
        without_case: whether to offer no case.
    """

    GDL_API = GDL_API

    def __init__(
        self, kinds: Mapping[str, str], exceptions: Mapping[str, str] | None = None, without_case: bool = False
    ):
        self.kinds, self.exceptions, self.without_case = dict(kinds), exceptions or {}, without_case

    @hookimpl
    def gdl_components(self):
        for name, kind in self.kinds.items():
            yield Component(kind, name.lower(), f"gdl_toy_parts:{name}", "A toy.")

    @hookimpl
    def gdl_cases(self, component):
        if self.without_case:
            return
        import gdl_toy_parts as parts

        name = component.target.partition(":")[2]
        inputs = parts.constant_signal if name == "Constant" else parts.random_signal
        build = (lambda: parts.Ring(8)) if name == "Ring" else getattr(parts, name)
        yield Case("ring", build, inputs, exceptions=dict(self.exceptions))


_ITSELF = Toy({"Conv": "layer", "Pool": "coarsening", "Mean": "readout", "Ring": "domain"})
gdl_components, gdl_cases = _ITSELF.gdl_components, _ITSELF.gdl_cases
