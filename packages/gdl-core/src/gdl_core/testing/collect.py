"""Which checks apply to which component, and the pytest decorator over them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest

from gdl_core import plugins
from gdl_core.errors import closest
from gdl_core.plugins import Component, PluginError, PluginManager
from gdl_core.testing import algebra, domains, numerics, robust, static, symmetry, tools
from gdl_core.testing.subject import Subject

Check = Callable[[Subject], None]

MODULE_KINDS = ("layer", "coarsening", "refinement", "readout", "model")
PLUGIN_CHECKS: tuple[Check, ...] = (
    static.check_plugin_loads,
    static.check_import_side_effects,
    static.check_kernels_load,
)
COMPONENT_CHECKS: tuple[Check, ...] = (static.check_loads, static.check_signature, static.check_docstring)
MODULE_CHECKS: tuple[Check, ...] = (
    static.check_repr,
    symmetry.check_claims,
    symmetry.check_types,
    symmetry.check_equivariance,
    symmetry.check_negative_control,
    numerics.check_deterministic,
    numerics.check_dtype,
    numerics.check_device,
    numerics.check_no_host_sync,
    numerics.check_batching,
    numerics.check_gradients,
    numerics.check_double_backward,
    tools.check_state_dict,
    tools.check_pickle,
    tools.check_deepcopy,
    tools.check_modes,
    tools.check_compile,
    tools.check_export,
    tools.check_operators,
    robust.check_empty,
    robust.check_bad_channels,
    robust.check_bad_dtype,
    robust.check_input_unchanged,
    robust.check_no_alias,
    robust.check_initial_scale,
)
DOMAIN_CHECKS: tuple[Check, ...] = (
    static.check_repr,
    domains.check_domain_values,
    domains.check_points,
    domains.check_actions,
)
ALL_CHECKS = (
    *PLUGIN_CHECKS,
    *COMPONENT_CHECKS,
    static.check_has_case,
    *MODULE_CHECKS,
    *DOMAIN_CHECKS[1:],
    algebra.check_group_axioms,
)


def subjects(namespace: str, manager: PluginManager | None = None) -> Iterator[tuple[Check, Subject]]:
    """Yield every check with every subject of the plugin `namespace` that it applies to."""
    manager = manager or plugins.manager()
    whole = Subject(manager, namespace)
    yield from ((check, whole) for check in PLUGIN_CHECKS[:1])
    if not any(r.name == namespace and r.status == "loaded" for r in manager.records()):
        return  # check_plugin_loads fails and says why
    yield from ((check, whole) for check in PLUGIN_CHECKS[1:])
    for component in manager.components():
        if component.namespace == namespace:
            yield from _of_component(Subject(manager, namespace, component))


def _of_component(subject: Subject) -> Iterator[tuple[Check, Subject]]:
    component = cast("Component", subject.component)
    yield from (
        (check, subject) for check in (COMPONENT_CHECKS[:1] if component.kind == "recipe" else COMPONENT_CHECKS)
    )
    try:
        cases = subject.manager.cases(component)
        broken = False
    except PluginError:
        cases, broken = (), True  # check_has_case asks again, fails and says why
    if component.kind in MODULE_KINDS or broken:
        yield static.check_has_case, subject
    if component.kind == "group" and not cases:
        yield algebra.check_group_axioms, subject
    for case in cases:
        checks = {"group": (algebra.check_group_axioms,), "domain": DOMAIN_CHECKS}.get(component.kind, ())
        if component.kind in MODULE_KINDS:
            checks = MODULE_CHECKS
        unknown = sorted(set(case.exceptions) - {check.__name__ for check in checks})
        if unknown:
            names = [check.__name__ for check in checks]
            raise ValueError(
                f"The case {case.name!r} of {component.full_name} has an exception for {unknown[0]!r}, "
                f"which is no check of a {component.kind}.{closest(unknown[0], names)}"
            )
        here = Subject(subject.manager, subject.namespace, component, case)
        yield from ((check, here) for check in checks)


def parameters(
    namespace: str,
    expected_failures: Mapping[str, str] | None = None,
    strict: bool = True,
    manager: PluginManager | None = None,
) -> list[Any]:
    """Return one `pytest.param(check, subject)` per check and subject, with ids and expected failures.

    Raises:
        ValueError: if a key of `expected_failures` matches no check here.
    """
    expected = dict(expected_failures or {})
    found, used, keys = [], set(), set()
    for check, subject in subjects(namespace, manager):
        spellings = _spellings(check, subject)
        keys.update(spellings)
        matching = [key for key in spellings if key in expected]
        used.update(matching)
        reason = expected[matching[0]] if matching else ""
        if not reason and subject.case is not None:
            reason = subject.case.exceptions.get(check.__name__, "")
        marks = [pytest.mark.xfail(reason=reason, strict=strict)] if reason else []
        found.append(pytest.param(check, subject, id=f"{subject.label}-{check.__name__}", marks=marks))
    unused = [key for key in expected if key not in used]
    if unused:
        raise ValueError(
            f"expected_failures names {unused[0]!r}, which is no check of {namespace!r}.{closest(unused[0], keys)}"
        )
    return found


def _spellings(check: Check, subject: Subject) -> list[str]:
    name = check.__name__
    parts = [name]
    component: Component | None = subject.component
    if component is not None:
        parts.insert(0, f"{component.name}/{name}")
        if subject.case is not None:
            parts.insert(0, f"{component.name}/{subject.case.name}/{name}")
    return parts


def parametrize_with_checks(
    namespace: str,
    expected_failures: Mapping[str, str] | None = None,
    strict: bool = True,
    *,
    manager: PluginManager | None = None,
) -> Callable[[Callable], Callable]:
    """Check every component of a plugin: the one line that a plugin's author writes.

    ::

        from gdl_core.testing import parametrize_with_checks

        @parametrize_with_checks("hyperbolic")
        def test_conformance(check, case):
            check(case)

    Args:
        namespace: the plugin's name.
        expected_failures: check → the reason why it is expected to fail; the key is `"check_export"`,
            `"conv/check_export"` or, for one case, `"conv/2d/check_export"`.
        strict: an expected failure that passes is itself a failure.
        manager: where to look; the default manager if left out.

    Raises:
        ValueError: if a key of `expected_failures`, or of a case's `exceptions`, is no check.
    """
    return pytest.mark.parametrize(("check", "case"), parameters(namespace, expected_failures, strict, manager))
