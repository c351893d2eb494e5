"""Cases of pairs of points and of the networks on them."""

from gdl_core.plugins import Case

from gdl_graphs._cases.inputs import signals
from gdl_graphs.encodings.basis_net import BasisNet
from gdl_graphs.higher_order.ign import IGNContract, IGNExpand, IGNLinear, IGNReadout
from gdl_graphs.higher_order.pair_set import PairSet
from gdl_graphs.higher_order.ppgn import IGN, PPGN, PPGNBlock

ONE, EVEN, UNEVEN = PairSet.of(4), PairSet.of([3, 3]), PairSet.of([4, 1, 3])


def _on_pairs(channels, *builds):
    return [
        Case(f"{label}-{place}", build=build, inputs=signals(pairs, channels))
        for label, build in builds
        for place, pairs in (("even", EVEN), ("uneven", UNEVEN))
    ]


CASES = {
    ("domain", "pair-set"): [
        Case(label, build=lambda pairs=pairs: pairs, inputs=signals(pairs, 2))
        for label, pairs in (("one", ONE), ("even", EVEN), ("uneven", UNEVEN))
    ],
    ("domain", "paired-points"): [
        Case("uneven", build=lambda: UNEVEN.points, inputs=signals(UNEVEN.points, 2)),
    ],
    ("layer", "ign-linear"): _on_pairs(
        2, ("mean", lambda: IGNLinear(2, 3)), ("sum", lambda: IGNLinear(2, 2, sums="sum", bias=False))
    ),
    ("coarsening", "ign-contract"): _on_pairs(2, ("mean", lambda: IGNContract(2, 3))),
    ("refinement", "ign-expand"): [
        Case("mean", build=lambda: IGNExpand(2, 3), inputs=signals(UNEVEN.points, 2)),
        Case("sum", build=lambda: IGNExpand(2, 3, sums="sum"), inputs=signals(EVEN.points, 2)),
    ],
    ("readout", "ign-readout"): _on_pairs(2, ("mean", lambda: IGNReadout(2, 3))),
    ("layer", "ppgn-block"): _on_pairs(2, ("root", lambda: PPGNBlock(2, 3, hidden=4))),
    ("model", "ppgn"): _on_pairs(2, ("two", lambda: PPGN(2, 3, hidden=(4, 4), scale="mean"))),
    ("model", "ign"): _on_pairs(2, ("two", lambda: IGN(2, 3, hidden=(4, 4)))),
    ("coarsening", "basis-net"): _on_pairs(4, ("two", lambda: BasisNet(2, 3, hidden=4))),
}
