"""The kit on a toy plugin: good parts pass every check, and each broken layer fails exactly the checks it should."""

import pytest
from gdl_core.plugins import PluginManager
from gdl_core.testing import subjects
from gdl_toy_plugin import Toy

GOOD = {"Conv": "layer", "Pool": "coarsening", "Mean": "readout"}
BROKEN = {
    "ZeroPadded": {"check_equivariance"},
    "StridedPool": {"check_equivariance"},
    "FirstPoint": {"check_equivariance"},
    "InPlace": {"check_input_unchanged"},
    "Tunnel": {"check_signature"},
    "Unseeded": {"check_deterministic"},
    "Noisy": {"check_deterministic"},
    "Breaking": {"check_compile"},
    "View": {"check_no_alias"},
    "Upcast": {"check_dtype"},
    "Reading": {"check_device", "check_compile", "check_export"},
    "Mixing": {"check_batching"},
    "Detached": {"check_gradients"},
    "Shy": {"check_state_dict"},
    "Local": {"check_pickle"},
    "Silent": {"check_bad_channels", "check_bad_dtype"},
    "Growing": {"check_modes"},
    "Exploding": {"check_initial_scale"},
    "Constant": {"check_negative_control"},
    "Undocumented": {"check_docstring"},
}


def outcomes(manager: PluginManager, plugin: object) -> dict[str, str]:
    """Run every check of `plugin`; return the failures, and the skips, by name of the check."""
    record = manager.register_module("toy", plugin)
    assert record.status == "loaded", record.reason
    found = {}
    for check, subject in subjects("toy", manager):
        try:
            check(subject)
        except pytest.skip.Exception as reason:
            found[check.__name__] = f"skipped: {reason}"
        except Exception as error:
            found[check.__name__] = f"failed: {error}"
    return found


def failures(found: dict[str, str]) -> set[str]:
    return {name for name, outcome in found.items() if outcome.startswith("failed")}


@pytest.mark.parametrize("name", GOOD)
def test_good_parts_pass_every_check(isolated_plugins, name):
    found = outcomes(isolated_plugins, Toy({name: GOOD[name]}))
    assert failures(found) == set(), found
    skipped = {"check_import_side_effects", "check_kernels_load", "check_no_host_sync", "check_operators"}
    assert set(found) <= skipped, found


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_layer_fails_exactly_the_right_checks(isolated_plugins, name):
    kind = {"StridedPool": "coarsening", "FirstPoint": "readout"}.get(name, "layer")
    found = outcomes(isolated_plugins, Toy({name: kind}))
    assert failures(found) == BROKEN[name], found
