"""A head as ASE's calculator: forces and stress are differences of the energy, motions conserve it."""

from unittest import mock

import numpy as np
import pytest
import torch
from gdl_groups import AtomsCalculator, Conservative, GeometricGraph, NequIP

ase = pytest.importorskip("ase")


def calculator(stress=False, skin=0.0, **options):
    torch.manual_seed(0)
    model = NequIP(species=2, hidden="4x0e+4x1o", cutoff=3.0, layers=1, scale=0.3).double()
    return AtomsCalculator(Conservative(model, stress=stress), elements=[1, 8], cutoff=3.0, skin=skin, **options)


def molecule(size=6, seed=0):
    draw = np.random.default_rng(seed)
    corners = 1.4 * np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)[:size]
    return ase.Atoms(draw.choice([1, 8], size), corners + 0.1 * draw.standard_normal((size, 3)))


def crystal(periodic: bool | tuple = True):
    atoms = molecule()
    atoms.set_cell([[3.4, 0, 0], [0.4, 3.6, 0], [0, -0.3, 3.8]])
    atoms.set_pbc(periodic)
    return atoms


def motion(atoms, steps, femtoseconds=0.5, temperature=300.0):
    """Follow a motion without a thermostat; return the potential and the total energy after every step."""
    from ase.md.verlet import VelocityVerlet
    from ase.units import fs, kB

    normal = np.random.default_rng(1).standard_normal((len(atoms), 3))
    atoms.set_momenta(np.sqrt(kB * temperature * atoms.get_masses())[:, None] * normal)
    dynamics, found = VelocityVerlet(atoms, femtoseconds * fs), []
    dynamics.attach(lambda: found.append((atoms.get_potential_energy(), atoms.get_total_energy())), interval=1)
    dynamics.run(steps)
    return np.array(found).T


@pytest.mark.parametrize("make", [molecule, crystal], ids=["open", "periodic"])
def test_forces_are_differences_of_the_energy(make):
    atoms = make()
    atoms.calc = calculator()
    forces, step = atoms.get_forces(), 1e-5
    for atom, axis in [(0, 0), (2, 1), (5, 2)]:
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            moved.calc = calculator()
            energies.append(moved.get_potential_energy())
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-6)
    assert np.abs(forces).max() > 1e-3


def test_stress_is_the_difference_of_the_energy_of_strained_cells():
    atoms = crystal()
    atoms.calc = calculator(stress=True)
    stress, step = atoms.get_stress(), 1e-5
    for voigt, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += 0.5 * sign * step
            strain[j, i] += 0.5 * sign * step
            moved = atoms.copy()
            moved.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            moved.calc = calculator(stress=True)
            energies.append(moved.get_potential_energy())
        slope = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
        assert stress[voigt] == pytest.approx(slope, abs=1e-7)
    assert np.abs(stress).max() > 1e-4


def test_a_motion_of_some_hundred_steps_conserves_energy():
    atoms = molecule()
    atoms.calc = calculator(skin=1.0)
    potential, total = motion(atoms, 300)
    assert np.ptp(potential) > 0.1  # it does move
    assert np.ptp(total) < 0.02 * np.ptp(potential)


def test_the_error_of_energy_falls_with_the_square_of_the_step():
    errors = []
    for femtoseconds in (1.0, 0.5):
        atoms = molecule()
        atoms.calc = calculator()
        errors.append(np.ptp(motion(atoms, round(50 / femtoseconds), femtoseconds)[1]))
    assert 2.5 < errors[0] / errors[1] < 6.0


@pytest.mark.parametrize("periodic", [True, (True, False, True)])
def test_kept_neighbours_change_nothing(periodic):
    """With a skin, neighbours are searched for rarely; energies are those of a search at every step."""
    found, searches = [], []
    for skin in (0.0, 0.8):
        atoms = crystal(periodic)
        atoms.calc = calculator(skin=skin)
        with mock.patch.object(GeometricGraph, "from_positions", wraps=GeometricGraph.from_positions) as search:
            found.append(motion(atoms, 20, temperature=2000.0)[1])
        searches.append(search.call_count)
    assert np.abs(found[0] - found[1]).max() < 1e-10
    assert searches[0] >= 20 and 1 < searches[1] < 15  # atoms moved far enough to search again


def test_another_molecule_or_cell_is_not_given_the_neighbours_of_the_last():
    kept = calculator(skin=2.0)
    for atoms in (molecule(), molecule(4), crystal(), crystal((True, True, False)), molecule(1)):
        energies = []
        for calc in (kept, calculator()):
            atoms.calc = calc
            energies.append(atoms.get_potential_energy())
        assert energies[0] == pytest.approx(energies[1], abs=1e-12)


def test_shifts_are_added_and_precision_is_the_heads():
    plain, shifted = molecule(), molecule()
    plain.calc, shifted.calc = calculator(), calculator(shifts=[-10.0, -200.0])
    count = (plain.numbers == 1).sum()
    difference = shifted.get_potential_energy() - plain.get_potential_energy()
    assert difference == pytest.approx(-10.0 * count - 200.0 * (6 - count), abs=1e-9)
    plain.calc.head.float()
    plain.calc.reset()
    single = plain.get_forces()
    assert single.dtype == np.float64 and 0 < np.abs(single - shifted.get_forces()).max() < 1e-4


def test_errors_are_sentences():
    atoms = molecule()
    atoms.calc = calculator()
    atoms.numbers[0] = 6
    with pytest.raises(ValueError, match="expected atoms of \\[1, 8\\], got one of number 6"):
        atoms.get_forces()
    with pytest.raises(TypeError, match="Conservative head, which gives forces, got NequIP"):
        AtomsCalculator(NequIP(species=1), [1], 4.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected one energy for each of 2 elements, got 1"):
        calculator(shifts=[1.0])
    with pytest.raises(ValueError, match="expected lengths above 0 and from 0"):
        calculator(skin=-1)
    atoms = molecule()
    atoms.calc = calculator()
    with pytest.raises(ase.calculators.calculator.PropertyNotImplementedError):
        atoms.get_stress()
