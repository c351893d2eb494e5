"""The hook specifications: every example in a docstring is a plugin that works."""

import inspect
import textwrap
from types import ModuleType

import pytest
from gdl_core.plugins import Case, Check, Command, Component, KernelEntry, PluginManager, spec

CLASSES = {
    "gdl_components": Component,
    "gdl_kernels": KernelEntry,
    "gdl_commands": Command,
    "gdl_checks": Check,
}


def example(hook):
    """The module that the docstring of a hook shows."""
    text = inspect.getdoc(getattr(spec, hook)).partition("Example::\n")[2]
    module = ModuleType(f"example_{hook}")
    exec(compile(textwrap.dedent(text), hook, "exec"), vars(module))
    return module


@pytest.mark.parametrize("hook", spec.HOOKS)
def test_docstring_example_is_a_complete_plugin(hook):
    record = PluginManager(entry_points=()).register_module("example", example(hook))
    assert (record.status, record.reason, record.hooks) == ("loaded", "", (hook,))


@pytest.mark.parametrize("hook", CLASSES)
def test_example_offers_at_least_one_item_under_its_namespace(hook):
    manager = PluginManager(entry_points=())
    manager.register_module("example", example(hook))
    items = getattr(manager, hook.removeprefix("gdl_"))()
    assert items
    assert {(type(item), item.namespace) for item in items} == {(CLASSES[hook], "example")}


@pytest.mark.parametrize("cls", [Component, Case, KernelEntry, Command, Check])
def test_results_are_frozen(cls):
    fields = [name for name in inspect.signature(cls).parameters if name in ("kind", "name", "target", "summary")]
    item = cls(**dict.fromkeys(fields, "a")) if cls is not Case else Case("a", build=list, inputs=list)
    with pytest.raises(AttributeError):
        item.name = "b"
