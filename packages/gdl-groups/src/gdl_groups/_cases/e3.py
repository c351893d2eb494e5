"""Cases of convolutions along edges with features of any degree."""

from gdl_core.groups import SO, O
from gdl_core.plugins import Case
from gdl_core.representations import FieldType

from gdl_groups._cases.geometric import CLOUD, CRYSTAL, signals
from gdl_groups.geometric.e3conv import E3Conv
from gdl_groups.geometric.e3conv_linear import IrrepLinear
from gdl_groups.geometric.escn import SO2Conv
from gdl_groups.geometric.mace import MACE
from gdl_groups.geometric.nequip import NequIP
from gdl_groups.geometric.se3_attention import SE3Attention
from gdl_groups.models.e3 import e3_network

VECTORS = FieldType(O(3), "2x0e+1x1o")
MIXED = FieldType(O(3), "1x0e+1x1e+1x1o+1x2e")
TURNED = FieldType(SO(3), "2x0+1x1")

CASES = {
    ("layer", "irrep-linear"): [
        Case("parity", lambda: IrrepLinear(MIXED, VECTORS), signals(CLOUD, MIXED)),
        Case("turns", lambda: IrrepLinear(2, TURNED), signals(CLOUD, 2)),
    ],
    ("layer", "e3-conv"): [
        Case("parity", lambda: E3Conv(MIXED, VECTORS, 2.0, basis=3, hidden=(4,)), signals(CLOUD, MIXED)),
        Case("turns", lambda: E3Conv(TURNED, TURNED, 2.0, basis=3, hidden=(4,)), signals(CRYSTAL, TURNED)),
        Case("lift", lambda: E3Conv(2, VECTORS, 2.0, self_connection=False, basis=3, hidden=(4,)), signals(CLOUD, 2)),
    ],
    ("layer", "se3-attention"): [
        Case("parity", lambda: SE3Attention(MIXED, VECTORS, 2.0, basis=3, hidden=(4,)), signals(CLOUD, MIXED)),
        Case("heads", lambda: SE3Attention(TURNED, 2, 2.0, 2, basis=3, hidden=(4,)), signals(CRYSTAL, TURNED)),
    ],
    ("model", "e3-network"): [
        Case(
            "sum", lambda: e3_network(2, 1, "2x0e+1x1o", 2.0, layers=2, readout="sum", domain=CLOUD), signals(CLOUD, 2)
        ),
    ],
    ("model", "mace"): [
        Case("energy", lambda: MACE(2, "2x0e+2x1o", 2.0, order=2, degree=1, basis=3, radial=(4,)), signals(CLOUD, 2)),
    ],
    ("model", "nequip"): [
        Case("energy", lambda: NequIP(2, "2x0e+1x1o", 2.0, layers=2, basis=3, radial=(4,)), signals(CLOUD, 2)),
    ],
    ("layer", "so2-conv"): [
        Case("parity", lambda: SO2Conv(MIXED, VECTORS, 2.0, basis=3, hidden=(4,)), signals(CLOUD, MIXED)),
        Case("turns", lambda: SO2Conv(TURNED, TURNED, 2.0, basis=3, hidden=(4,)), signals(CLOUD, TURNED)),
        Case("truncated", lambda: SO2Conv(MIXED, MIXED, 2.0, m_max=1, basis=3, hidden=(4,)), signals(CRYSTAL, MIXED)),
    ],
}
