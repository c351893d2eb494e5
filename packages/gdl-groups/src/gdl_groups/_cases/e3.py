"""Cases of convolutions along edges with features of any degree."""

from gdl_core.groups import SO, O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups._cases.geometric import CLOUD, CRYSTAL, signals
from gdl_groups.geometric.escn import SO2Conv

VECTORS = FieldType(O(3), "2x0e+1x1o")
MIXED = FieldType(O(3), "1x0e+1x1e+1x1o+1x2e")
TURNED = FieldType(SO(3), "2x0+1x1")

CASES = {
    ("layer", "so2-conv"): [
        Case("parity", lambda: SO2Conv(MIXED, VECTORS, 2.0, basis=3, hidden=(4,)), signals(CLOUD, MIXED)),
        Case("turns", lambda: SO2Conv(TURNED, TURNED, 2.0, basis=3, hidden=(4,)), signals(CLOUD, TURNED)),
        Case("truncated", lambda: SO2Conv(MIXED, MIXED, 2.0, m_max=1, basis=3, hidden=(4,)), signals(CRYSTAL, MIXED)),
    ],
}
