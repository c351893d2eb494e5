"""Core is a plugin too, and passes its own kit."""

from gdl_core.testing import parametrize_with_checks


@parametrize_with_checks("core")
def test_conformance(check, case):
    check(case)
