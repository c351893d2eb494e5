"""The conformance kit: every component of a plugin against every rule of the library (extra `testing`).

A plugin's author writes one line, `@parametrize_with_checks("hyperbolic")`; see there. Each check is a plain
function of a `Subject` that raises AssertionError with a sentence, and cites the rule it tests.
"""

from gdl_core.testing.algebra import check_group, check_representation, named_representations
from gdl_core.testing.collect import ALL_CHECKS, parametrize_with_checks, subjects
from gdl_core.testing.draw import random_field_type, random_representation
from gdl_core.testing.fixtures import isolated_plugins, run_triton, shared_data
from gdl_core.testing.measure import assert_equivariant, group_elements
from gdl_core.testing.subject import Subject

__all__ = [
    "ALL_CHECKS",
    "Subject",
    "assert_equivariant",
    "check_group",
    "check_representation",
    "group_elements",
    "isolated_plugins",
    "named_representations",
    "parametrize_with_checks",
    "random_field_type",
    "random_representation",
    "run_triton",
    "shared_data",
    "subjects",
]
