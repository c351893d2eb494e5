"""Every component of the plugin passes the conformance kit: claims, gradients, compile, export, bad input."""

from gdl_core.testing import parametrize_with_checks


@parametrize_with_checks("groups")
def test_conformance(check, case):
    check(case)
