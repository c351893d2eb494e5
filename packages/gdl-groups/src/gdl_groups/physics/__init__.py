"""Physical knowledge: energies and forces, mechanics, relativity, symmetrisation."""
