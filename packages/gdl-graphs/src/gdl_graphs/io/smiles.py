"""SMILES: a molecule as a line of text (Weininger 1988; OpenSMILES 1.0), read as atoms and bonds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gdl_core.errors import DataError

# Bonds that an atom written without brackets is filled up to with hydrogens, the smallest sum that suffices.
VALENCES = {
    "B": (3,), "C": (4,), "N": (3, 5), "O": (2,), "P": (3, 5), "S": (2, 4, 6),
    "F": (1,), "Cl": (1,), "Br": (1,), "I": (1,), "*": (0,),
}  # fmt: skip
ORDERS = {"-": 1.0, "=": 2.0, "#": 3.0, "$": 4.0, ":": 1.5, "/": 1.0, "\\": 1.0}
_TOKEN = re.compile(
    r"(?P<atom>\*|Cl|Br|[BCNOPSFIbcnops])"
    r"|\[(?P<isotope>\d+)?(?P<symbol>\*|[A-Z][a-z]?|se|as|te|[bcnops])(?P<chiral>@{1,2}(?:TH|AL|SP|TB|OH)?\d*)?"
    r"(?P<hydrogens>H\d*)?(?P<charge>[+-]\d+|\++|-+)?(?::\d+)?\]"
    r"|(?P<bond>[-=#$:/\\])|(?P<ring>%\d\d|\d)|(?P<open>\()|(?P<close>\))|(?P<dot>\.)"
)


@dataclass
class Atom:
    """An atom other than a hydrogen that belongs to another atom.

    Args:
        element: its symbol; ``*`` for any.
        aromatic: whether it is written in lower case.
        charge: in units of the proton's.
        hydrogens: how many belong to it, written or not.
        in_ring: whether it is part of a ring.
    """

    element: str
    aromatic: bool
    charge: int
    hydrogens: int | None
    in_ring: bool = False


@dataclass
class Molecule:
    """Atoms in the order of the text, and each bond once.

    Args:
        atoms: the atoms.
        bonds: (first atom, second atom, order); 1.5 is aromatic.
        in_ring: of each bond, whether it is part of a ring.
    """

    atoms: list[Atom] = field(default_factory=list)
    bonds: list[tuple[int, int, float]] = field(default_factory=list)
    in_ring: list[bool] = field(default_factory=list)


def parse_smiles(text: str) -> Molecule:
    """Return the molecule that a SMILES string writes. Stereochemistry and isotopes are read and left out.

    A bond without a sign is aromatic between aromatic atoms of a ring, and single elsewhere. Atoms without brackets get
    the hydrogens that their valence asks for.

    Raises:
        DataError: if it is no SMILES; the sentence names the place.

    >>> acid = parse_smiles("CC(=O)O")
    >>> [(atom.element, atom.hydrogens) for atom in acid.atoms], acid.bonds
    ([('C', 3), ('C', 0), ('O', 0), ('O', 1)], [(0, 1, 1.0), (1, 2, 2.0), (1, 3, 1.0)])
    """
    reader = _Reader(text)
    for token in _tokens(text):
        reader.take(token)
    return reader.finish()


def _tokens(text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise DataError(f"{text!r} is no SMILES: nothing known begins with {text[place : place + 8]!r} at {place}.")
        yield token
        place = token.end()


class _Reader:
    """Goes through the text once: the last atom, the bond that waits, open branches and open rings."""

    def __init__(self, text: str):
        self.text, self.molecule = text, Molecule()
        self.last: int | None = None
        self.bond: str | None = None
        self.branches: list[int] = []
        self.rings: dict[str, tuple[int, str | None]] = {}
        self.parent: list[int] = []  # of each atom, the atom that it was written after, and the bond between
        self.up: list[int] = []

    def take(self, token: re.Match[str]) -> None:
        kind, at = token.lastgroup, token.start()
        if token["bond"]:
            self._need(self.last is not None and self.bond is None, "a bond follows an atom", at)
            self.bond = token["bond"]
        elif token["ring"]:
            self._need(self.last is not None, "a ring number follows an atom", at)
            self._ring(token["ring"].lstrip("%"), at)
        elif token["open"]:
            self._need(self.last is not None and self.bond is None, "a branch begins after an atom", at)
            self.branches.append(self.last if self.last is not None else 0)
        elif token["close"]:
            self._need(bool(self.branches) and self.bond is None, "a bracket closes a branch", at)
            self.last = self.branches.pop()
        elif token["dot"]:
            self._need(self.last is not None and self.bond is None, "a dot follows an atom", at)
            self.last = None
        else:
            self._atom(token, kind)

    def _need(self, holds: bool, what: str, at: int) -> None:
        if not holds:
            raise DataError(f"{self.text!r} is no SMILES: {what}, which does not hold at {at}.")

    def _atom(self, token: re.Match[str], kind: str | None) -> None:
        symbol = token["atom"] or token["symbol"]
        hydrogens, charge = None, 0
        if token["symbol"]:
            hydrogens = 0 if not token["hydrogens"] else int(token["hydrogens"][1:] or 1)
            sign = token["charge"] or ""
            charge = int(sign) if sign[1:].isdigit() else sign.count("+") - sign.count("-")
        atom = Atom(symbol.capitalize(), symbol.islower(), charge, hydrogens)
        number = len(self.molecule.atoms)
        self.molecule.atoms.append(atom)
        self.parent.append(-1 if self.last is None else self.last)
        self.up.append(len(self.molecule.bonds))
        if self.last is not None:
            self._join(self.last, number, self.bond)
        self.last, self.bond = number, None

    def _join(self, first: int, second: int, sign: str | None) -> None:
        atoms = self.molecule.atoms
        order = 1.5 if atoms[first].aromatic and atoms[second].aromatic else 1.0
        self.molecule.bonds.append((first, second, order if sign is None else ORDERS[sign]))
        self.molecule.in_ring.append(False)

    def _ring(self, number: str, at: int) -> None:
        here, sign = self.last, self.bond
        self.bond = None
        assert here is not None  # `take` has checked it
        if number not in self.rings:
            self.rings[number] = (here, sign)
            return
        there, other = self.rings.pop(number)
        self._need(there != here, "a ring joins two atoms", at)
        agree = sign is None or other is None or ORDERS[sign] == ORDERS[other]
        self._need(agree, "both ends of a ring have one kind of bond", at)
        self._join(there, here, sign or other)
        self._mark(there, here)

    def _mark(self, first: int, second: int) -> None:
        """Mark the ring that the last bond closes: with the way between its ends in the tree of the text."""
        molecule, above = self.molecule, [first]
        molecule.in_ring[-1] = True
        while self.parent[above[-1]] >= 0:
            above.append(self.parent[above[-1]])
        meet = second
        while meet not in above:
            meet = self._climb(meet)
        while first != meet:
            first = self._climb(first)
        molecule.atoms[meet].in_ring = True

    def _climb(self, atom: int) -> int:
        self.molecule.in_ring[self.up[atom]] = self.molecule.atoms[atom].in_ring = True
        return self.parent[atom]

    def finish(self) -> Molecule:
        molecule = self.molecule
        self._need(not self.branches and self.bond is None, "what is opened is closed", len(self.text))
        self._need(not self.rings, f"the rings {', '.join(self.rings)} close", len(self.text))
        self._need(bool(molecule.atoms), "there is an atom", 0)
        for place, ((first, second, order), ring) in enumerate(zip(molecule.bonds, molecule.in_ring, strict=True)):
            if order == 1.5 and not ring:
                molecule.bonds[place] = (first, second, 1.0)
        total = [0.0] * len(molecule.atoms)
        for first, second, order in molecule.bonds:
            for end in (first, second):  # an aromatic bond counts one here, and aromatic atoms one more below
                total[end] += 1.0 if order == 1.5 else order
        for atom, used in zip(molecule.atoms, total, strict=True):
            if atom.hydrogens is None:
                used += atom.aromatic
                known = VALENCES[atom.element][:1] if atom.aromatic else VALENCES[atom.element]
                enough = (valence for valence in known if valence >= used)
                atom.hydrogens = int(next(enough, used) - used)
        return molecule
