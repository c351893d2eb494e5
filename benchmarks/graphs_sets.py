# /// script
# dependencies = ["torch_geometric==2.8.1"]
# ///
"""Attention on batches of uneven samples: packed against padding, forward and backward.

    python benchmarks/graphs_sets.py [--channels 64] [--heads 4] [--pairs 7] [--threads 2]

Prints a Markdown table. The rivals put the samples into one tensor ``[b, longest, c]`` with a mask, by `to_dense_batch`
of PyTorch Geometric where it is installed and else by the same indexing written here, and call
`scaled_dot_product_attention` (rows "attention") or `torch.nn.TransformerEncoderLayer` (rows "block"); PyTorch
Geometric's `Set2Set`, where it is installed, pads nothing. Each row times both in pairs, in both orders, and reports
medians and the median of the paired ratios. Outputs and gradients are compared first. The last column is the share of
the padded batch that is padding.
"""

import argparse
import platform

import torch
from gdl_graphs import PointSet, Set2Set, TransformerBlock, packed_attention
from incidence import Run, paired
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

try:
    from torch_geometric.utils import to_dense_batch  # type: ignore[import-not-found]
except ImportError:
    to_dense_batch = None


def padded(x: Tensor, points: PointSet) -> tuple[Tensor, Tensor]:
    """Return ``[b, longest, c]`` and the mask ``[b, longest]`` of what is no padding."""
    owner = points.owner.long()
    if to_dense_batch is not None:
        return to_dense_batch(x, owner, batch_size=points.batch_size)
    longest = int(points.ptr.diff().max())
    place = torch.arange(len(owner)) - points.ptr[:-1].long()[owner]
    mask = torch.zeros(points.batch_size, longest, dtype=torch.bool)
    mask[owner, place] = True
    dense = x.new_zeros(points.batch_size, longest, x.shape[1])
    return dense.index_put((owner, place), x), mask


def compare(ours: Run, rival: Run, pairs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio of runs that were next to each other."""
    for one, two in zip(ours(), rival(), strict=True):
        if not torch.allclose(one, two, rtol=1e-3, atol=1e-3 * float(two.abs().max())):
            raise AssertionError("Both sides compute different things.")
    return paired(ours, rival, pairs)


def attention(points: PointSet, channels: int, heads: int) -> tuple[Run, Run]:
    draw = torch.Generator().manual_seed(0)
    n = points.num_points
    x, upstream = torch.randn(n, 3 * channels, generator=draw), torch.randn(n, channels, generator=draw)
    x.requires_grad_()

    def ours() -> list[Tensor]:
        query, key, value = x.unflatten(1, (3, heads, -1)).unbind(1)
        y = packed_attention(query, key, value, points.ptr, points.ptr).flatten(1)
        return [y.detach(), *torch.autograd.grad(y, x, upstream)]

    def rival() -> list[Tensor]:
        dense, mask = padded(x, points)
        query, key, value = dense.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        y = scaled_dot_product_attention(query, key, value, mask[:, None, None]).transpose(1, 2).flatten(2)[mask]
        return [y.detach(), *torch.autograd.grad(y, x, upstream)]

    return ours, rival


def block(points: PointSet, channels: int, heads: int) -> tuple[Run, Run]:
    torch.manual_seed(0)
    layer = TransformerBlock(channels, heads, 2 * channels, activation="relu")
    theirs = nn.TransformerEncoderLayer(channels, heads, 2 * channels, 0.0, batch_first=True, norm_first=True)
    attention = theirs.self_attn
    pairs = [
        (layer.attention.in_proj.weight, attention.in_proj_weight),
        (layer.attention.in_proj.bias, attention.in_proj_bias),
        *zip(layer.attention.out_proj.parameters(), attention.out_proj.parameters()),
        *zip(layer.attention_norm.parameters(), theirs.norm1.parameters()),
        *zip(layer.feed_forward_norm.parameters(), theirs.norm2.parameters()),
        *zip(layer.feed_forward.inner.parameters(), theirs.linear1.parameters()),
        *zip(layer.feed_forward.outer.parameters(), theirs.linear2.parameters()),
    ]
    with torch.no_grad():
        for one, two in pairs:
            one.copy_(two)
    draw = torch.Generator().manual_seed(0)
    x, upstream = torch.randn(2, points.num_points, channels, generator=draw)
    x.requires_grad_()

    def ours() -> list[Tensor]:
        y = layer(x, points)
        return [y.detach(), *torch.autograd.grad(y, [x, *(one for one, _ in pairs)], upstream)]

    def rival() -> list[Tensor]:
        dense, mask = padded(x, points)
        y = theirs(dense, src_key_padding_mask=~mask)[mask]
        return [y.detach(), *torch.autograd.grad(y, [x, *(two for _, two in pairs)], upstream)]

    return ours, rival


def set2set(points: PointSet, channels: int, heads: int) -> tuple[Run, Run]:
    from torch_geometric.nn.aggr import Set2Set as Rival  # type: ignore[import-not-found]

    torch.manual_seed(0)
    theirs, readout = Rival(channels, 4), Set2Set(channels, 4)
    readout.load_state_dict(theirs.state_dict())
    draw = torch.Generator().manual_seed(0)
    x, upstream = torch.randn(points.num_points, channels, generator=draw), torch.randn(2 * channels, generator=draw)
    x.requires_grad_()
    owner = points.owner.long()

    def run(module: nn.Module, *args: object) -> list[Tensor]:
        y = module(x, *args)
        parameters = [parameter for _, parameter in sorted(module.named_parameters())]
        return [y.detach(), *torch.autograd.grad(y, [x, *parameters], upstream.expand_as(y))]

    return lambda: run(readout, points), lambda: run(theirs, owner, None, points.batch_size)


def batches() -> dict[str, list[int]]:
    draw = torch.Generator().manual_seed(0)
    molecules = (10 + 20 * torch.rand(256, generator=draw)).int().tolist()
    graphs = (20 * 10 ** (1.3 * torch.rand(64, generator=draw))).int().tolist()
    return {
        "256 molecules, 10 to 29 points": molecules,
        "64 graphs, 20 to 390 points": graphs,
        "31 sets of 100 points, one of 2000": [100] * 31 + [2000],
        "32 sets of 256 points": [256] * 32,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, value in (("channels", 64), ("heads", 4), ("pairs", 7), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"{options.channels} float32 channels, {options.heads} heads, forward + backward, {options.threads} threads, "
        f"torch {torch.__version__}, {platform.machine()}, padding by "
        f"{'PyTorch Geometric' if to_dense_batch else 'indexing'}, median of {options.pairs} pairs\n"
    )
    print("| batch | what | rival | gdl | ratio | padding |\n|---|---|---:|---:|---:|---:|")
    for name, sizes in batches().items():
        points = PointSet.of(sizes)
        share = 1 - sum(sizes) / (len(sizes) * max(sizes))
        rows = [
            ("attention", attention),
            ("block", block),
            *([("Set2Set, 4 steps", set2set)] if to_dense_batch else []),
        ]
        for what, make in rows:
            a, b, ratio = compare(*make(points, options.channels, options.heads), options.pairs)
            print(
                f"| {name} | {what} | {1e3 * b:.1f} ms | {1e3 * a:.1f} ms | **{ratio:.1f}x** | {share:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
