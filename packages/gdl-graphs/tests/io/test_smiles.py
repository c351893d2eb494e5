"""SMILES: atoms, bonds, hydrogens and rings against known molecules, and against RDKit's graphs of real ones."""

import gzip

import numpy as np
import pytest
from gdl_core.errors import DataError
from gdl_graphs.io.smiles import parse_smiles


def formula(text):
    """Hill's formula: carbon, hydrogen, then the others in alphabetical order."""
    counts = {}
    for atom in parse_smiles(text).atoms:
        counts[atom.element] = counts.get(atom.element, 0) + 1
        if atom.hydrogens:
            counts["H"] = counts.get("H", 0) + atom.hydrogens
    order = sorted(counts, key=lambda element: ({"C": 0, "H": 1}.get(element, 2), element))
    return "".join(f"{element}{counts[element] if counts[element] > 1 else ''}" for element in order)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C8H10N4O2"),  # caffeine
        ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "C8H10N4O2"),  # the same, aromatic
        ("CC(=O)Oc1ccccc1C(=O)O", "C9H8O4"),  # aspirin
        ("C1=CC2=CC=CC=C2C=C1", "C10H8"),  # naphthalene
        ("c1ccsc1", "C4H4S"),
        ("c1cc[nH]c1", "C4H5N"),
        ("CS(=O)(=O)Cl", "CH3ClO2S"),
        ("OP(=O)(O)O", "H3O4P"),
        ("[NH4+].[Cl-]", "H4ClN"),
        ("N[C@@H](C)C(=O)O", "C3H7NO2"),  # alanine
        ("F/C=C\\F", "C2H2F2"),
        ("[13CH4]", "CH4"),
        ("C%10CCCCC%10", "C6H12"),
        ("[Cu+2]", "Cu"),
        ("C#N", "CHN"),
    ],
)
def test_formulas_are_those_of_the_molecules(text, expected):
    assert formula(text) == expected


def test_a_bond_without_a_sign_between_rings_is_single():
    biphenyl = parse_smiles("c1ccccc1c1ccccc1")
    assert sorted(order for *_, order in biphenyl.bonds) == [1.0] + [1.5] * 12
    assert [ring for (*_, order), ring in zip(biphenyl.bonds, biphenyl.in_ring, strict=True) if order == 1.0] == [False]


def test_rings_are_marked_and_what_hangs_on_them_is_not():
    molecule = parse_smiles("CC1CC2CCC1C2O")  # a bridged ring between two ends
    assert [atom.in_ring for atom in molecule.atoms] == [False, *[True] * 7, False]
    outside = [bond for bond, ring in zip(molecule.bonds, molecule.in_ring, strict=True) if not ring]
    assert outside == [(0, 1, 1.0), (7, 8, 1.0)]


def test_a_ring_takes_its_bond_from_either_end():
    for text in ("C=1CCCCC=1", "C=1CCCCC1", "C1CCCCC=1"):
        assert (0, 5, 2.0) in parse_smiles(text).bonds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is an atom"),
        ("C(", "what is opened is closed"),
        ("C)", "closes a branch, which does not hold at 1"),
        ("C1CC", "rings 1 close"),
        ("C11", "two atoms"),
        ("C=1CCCC#1", "one kind of bond"),
        ("=C", "a bond follows an atom"),
        ("C==C", "a bond follows an atom"),
        ("C=", "what is opened is closed"),
        ("CX", "begins with 'X' at 1"),
        ("[C", r"begins with '\[C' at 0"),
        ("C..C", "a dot follows an atom"),
        ("(C)", "a branch begins"),
        ("1C", "a ring number follows"),
    ],
)
def test_what_is_no_smiles_is_told_with_its_place(text, words):
    with pytest.raises(DataError, match=words):
        parse_smiles(text)


def test_atoms_bonds_and_charges_are_those_of_rdkit_on_real_molecules(shared_data):
    """`zinc.npz` holds graphs that RDKit made of these lines, kekulised: every aromatic bond is 1 or 2 there."""
    folder = shared_data("zinc250k_part")
    data = np.load(folder / "zinc.npz")
    names, kinds, atoms, bonds = (data[key] for key in ("atom_type_names", "atom_type", "atom_ptr", "bond_ptr"))
    first, second, order = (data[key].astype(int) for key in ("bond_src", "bond_dst", "bond_type"))
    lines = gzip.decompress((folder / "smiles.txt.gz").read_bytes()).decode().split()
    for number in range(0, len(lines), 30):
        molecule, here = parse_smiles(lines[number]), slice(*bonds[number : number + 2])
        expected = [names[kind].split() for kind in kinds[slice(*atoms[number : number + 2])]]
        signs = [("+" in name) - ("-" in name) for name in expected]
        assert [(a.element, a.charge) for a in molecule.atoms] == [(n[0], s) for n, s in zip(expected, signs)]
        known = {frozenset(ends): k for *ends, k in zip(first[here], second[here], order[here], strict=True)}
        assert {frozenset(ends) for *ends, _ in molecule.bonds} == set(known)
        assert all(k in (1.5, known[frozenset(ends)]) for *ends, k in molecule.bonds)
