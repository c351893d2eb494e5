"""Small files in the formats of the data sets."""

from pathlib import Path

import numpy as np


def write_planetoid(
    folder: Path, name: str = "cora", nodes: int = 90, words: int = 12, classes: int = 7, seed: int = 0
):
    """Write `name.npz`: classes that words and citations both tell, a split, one node without words or citations."""
    draw = np.random.default_rng(0)
    y = np.arange(nodes) % classes
    x = (draw.random((nodes, words)) < 0.15) | (np.arange(words) % classes == y[:, None])
    x[-1] = False
    pairs = draw.integers(0, nodes - 1, (6 * nodes, 2))
    pairs = pairs[(y[pairs[:, 0]] == y[pairs[:, 1]]) & (pairs[:, 0] < pairs[:, 1])]
    rows, columns = np.nonzero(x)
    np.savez(
        folder / f"{name}.npz",
        edges=np.unique(pairs, axis=0),
        y=y,
        x_indptr=np.searchsorted(rows, np.arange(nodes + 1)),
        x_indices=columns,
        x_data=np.ones(len(columns), np.float32),
        x_shape=np.array([nodes, words]),
        train=np.arange(3 * classes),
        val=np.arange(3 * classes, 50),
        test=np.arange(50, nodes),
    )


def write_store(folder: Path, nodes: int = 200, classes: int = 4, seed: int = 0):
    """Write a `GraphStore`: blocks of nodes that mostly cite their own, and features that hint at the block."""
    import torch
    from gdl_graphs.sampling import GraphStore

    draw = torch.Generator().manual_seed(seed)
    label = torch.arange(nodes) % classes
    ends = torch.randint(nodes, (2, 12 * nodes), generator=draw)
    kept = (label[ends[0]] == label[ends[1]]) | (torch.rand(ends.shape[1], generator=draw) < 0.1)
    features = torch.randn(nodes, 12, generator=draw)
    features[torch.arange(nodes), label] += 2
    split = torch.arange(nodes) * 4 // nodes - 1  # a quarter each: of no part, training, validation, test
    GraphStore.write(folder, nodes, [ends[:, kept]], features=features, labels=label, split=split)


def write_tu(folder: Path, name: str = "NCI1", graphs: int = 40, labels: bool = True):
    """Write rings (class 1) and paths (class -1) of four to seven nodes in the text format of TUDataset."""
    edges, indicator, node_labels, classes = [], [], [], []
    for number in range(graphs):
        size, ring = 4 + number % 4, number % 2 == 0
        first = len(indicator) + 1
        pairs = [(first + i, first + (i + 1) % size) for i in range(size if ring else size - 1)]
        edges += pairs + [pair[::-1] for pair in pairs]
        indicator += [number + 1] * size
        node_labels += [i % 3 for i in range(size)]
        classes.append(1 if ring else -1)

    def write(what, lines):
        (folder / f"{name}_{what}.txt").write_text("".join(f"{line}\n" for line in lines))

    write("A", [f"{a}, {b}" for a, b in edges])
    write("graph_indicator", indicator)
    write("graph_labels", classes)
    if labels:
        write("node_labels", node_labels)


def write_zinc(folder: Path, molecules: int = 24, seed: int = 0):
    """Write `zinc.npz`: chains of three to six atoms whose value is the share of the atoms of the first kind."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(3, 7, molecules)
    atoms = [draw.integers(0, 3, size) for size in sizes]
    np.savez(
        folder / "zinc.npz",
        atom_ptr=np.concatenate([[0], sizes.cumsum()]),
        bond_ptr=np.concatenate([[0], (sizes - 1).cumsum()]),
        atom_type=np.concatenate(atoms),
        bond_src=np.concatenate([np.arange(size - 1) for size in sizes]),
        bond_dst=np.concatenate([np.arange(1, size) for size in sizes]),
        bond_type=draw.integers(1, 4, int((sizes - 1).sum())),
        y=np.array([float((kinds == 0).mean()) for kinds in atoms]),
        train=np.arange(molecules - 8),
        val=np.arange(molecules - 8, molecules - 4),
        test=np.arange(molecules - 4, molecules),
    )


def write_text(folder: Path, length: int = 2000):
    """Write `input.txt`, one sentence again and again."""
    sentence = "To be, or not to be: that is the question.\n"
    (folder / "input.txt").write_text((sentence * (length // len(sentence) + 1))[:length])


def write_traffic(folder: Path, times: int = 200, sensors: int = 5, seed: int = 0):
    """Write speeds that wander on a ring of sensors, and the ring with weights, as Los-loop has them."""
    draw = np.random.default_rng(seed)
    speeds = 50 + np.cumsum(draw.normal(size=(times, sensors)), 0)
    names = ",".join(str(100 + sensor) for sensor in range(sensors))
    rows = "\n".join(",".join(f"{speed:.3f}" for speed in row) for row in speeds)
    (folder / "los_speed.csv").write_text(f"{names}\n{rows}\n")
    near = np.eye(sensors) + 0.5 * (np.roll(np.eye(sensors), 1, 0) + np.roll(np.eye(sensors), -1, 0))
    (folder / "los_adj.csv").write_text("\n".join(",".join(map(str, row)) for row in near) + "\n")


def write_molecules(folder: Path, molecules: int = 40):
    """Write a table of chains of carbon, every second one with an alcohol; the value is the number of atoms."""
    column = "measured log solubility in mols per litre"
    chains = ["C" * (2 + number % 5) + "O" * (number % 2) for number in range(molecules)]
    rows = "\n".join(f'"molecule, {chain}",{len(chain)}.0,{chain} ' for chain in chains)
    (folder / "esol_delaney-processed.csv").write_text(f"name,{column},smiles\n{rows}\n")


def write_proteins(folder: Path, chains: int = 6, residues: int = 9, seed: int = 0):
    """Write helices of amino acids drawn at random, two chains for each part."""
    draw = np.random.default_rng(seed)
    count = chains * residues
    place = np.arange(residues)
    turn = np.deg2rad(100) * place
    alpha = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * place], -1)
    atoms = alpha[:, None] + np.array([[-0.9, -0.8, -0.6], [0, 0, 0], [0.4, 1.3, 0.7], [-0.1, 2.0, 1.5]])
    np.savez(
        folder / "promod3_structuredb_3000.npz",
        ptr=np.arange(chains + 1) * residues,
        seq=np.frombuffer(b"ACDEFGHIKLMNPQRSTVWYX", np.uint8)[draw.integers(0, 21, count)],
        coords_N_CA_C_O_cA=np.rint(100 * np.tile(atoms, (chains, 1, 1))).astype(np.int16),
        split=np.arange(chains) % 3,
    )
