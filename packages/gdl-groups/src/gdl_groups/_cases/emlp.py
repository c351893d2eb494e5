"""Derived products and perceptrons."""

from gdl_core.groups import O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups._cases.geometric import CLOUD, signals
from gdl_groups.emlp import EquivariantMLP, EquivariantProduct

TYPE = FieldType(O(3), "2x0e+2x1o")

CASES = {
    ("layer", "equivariant-product"): [
        Case("vectors", lambda: EquivariantProduct(TYPE, FieldType(O(3), "2x0e+2x1e+2x2e")), signals(CLOUD, TYPE)),
    ],
    ("layer", "equivariant-mlp"): [
        Case("vectors", lambda: EquivariantMLP(TYPE, TYPE, "2x0e+2x1o", 1), signals(CLOUD, TYPE)),
    ],
}
