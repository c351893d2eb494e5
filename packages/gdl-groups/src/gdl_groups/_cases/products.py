"""Small polynomials of feature vectors, for the conformance kit and the gallery."""

from gdl_core.groups import SO, O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups._cases.geometric import CLOUD, signals
from gdl_groups.products.symmetric import SymmetricContraction

FEATURES = FieldType(O(3), "2x0e+2x1o")
ROTATED = FieldType(SO(3), "1x0+1x1+1x2")

CASES = {
    ("layer", "symmetric-contraction"): [
        Case("third degree", lambda: SymmetricContraction(FEATURES, FEATURES, 3), signals(CLOUD, FEATURES)),
        Case("rotations only", lambda: SymmetricContraction(ROTATED, ROTATED, 2), signals(CLOUD, ROTATED)),
    ],
}
