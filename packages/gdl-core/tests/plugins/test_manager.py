"""The manager: statuses, lookups and their sentences, without any installed plugin."""

import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from gdl_core.errors import GdlError, UnknownNameError
from gdl_core.plugins import (
    Case,
    Check,
    Command,
    Component,
    KernelEntry,
    PluginError,
    PluginManager,
    components,
    hookimpl,
    manager,
    replaced,
)


def plugin(items=(), api=(1, 0), hook="gdl_components", module="toy_module", **attributes):
    """A module with one hook that yields `items`."""
    made = ModuleType(module)

    def implementation():
        yield from items

    implementation.__name__ = hook
    setattr(made, hook, hookimpl(implementation))
    made.GDL_API = api
    vars(made).update(attributes)
    return made


def layer(name, kind="layer", target="json:loads"):
    return Component(kind, name, target, f"About {name}.")


def managed(environ=None, **plugins):
    made = PluginManager(entry_points=(), environ=environ or {})
    for name, module in plugins.items():
        made.register_module(name, module, f"gdl-{name}", "1.2")
    return made


def test_components_are_found_by_full_and_by_unique_bare_name():
    registry = managed(a=plugin([layer("conv"), layer("norm")]), b=plugin([layer("conv")]))
    assert registry.find("b/conv").full_name == "b/conv"
    assert registry.find("norm").full_name == "a/norm"
    assert [item.full_name for item in registry.components("layer")] == ["a/conv", "a/norm", "b/conv"]
    assert registry.components("model") == ()
    import json

    assert registry.resolve("a/conv") is json.loads


def test_ambiguous_name_lists_its_owners():
    registry = managed(a=plugin([layer("conv")]), b=plugin([layer("conv")]))
    with pytest.raises(
        UnknownNameError, match=r"not unique: it may be a/conv \(layer\), b/conv \(layer\); write the full name"
    ):
        registry.find("conv")


def test_kinds_may_share_a_name_and_the_kind_decides():
    registry = managed(a=plugin([layer("mnist", "model"), layer("mnist", "dataset")]))
    assert registry.find("a/mnist", "dataset").kind == "dataset"
    with pytest.raises(UnknownNameError, match=r"a/mnist \(model\); say which kind \(`gdl show` has --kind\)"):
        registry.find("a/mnist")
    with pytest.raises(UnknownNameError, match=r"a/mnist \(dataset\), a/mnist \(model\)"):
        registry.find("a/mnist")


@pytest.mark.parametrize("name", ["a/conw", "conw", "b/conv"])
def test_unknown_name_offers_the_closest(name):
    with pytest.raises(UnknownNameError, match=r"Did you mean '(a/)?conv'"):
        managed(a=plugin([layer("conv")])).find(name)


def test_unknown_name_of_an_absent_plugin_says_which_and_why():
    registry = managed(a=plugin([layer("conv")]), b=plugin(api=(7, 0)))
    with pytest.raises(UnknownNameError) as caught:
        registry.find("b/conv")
    said = "Plugin 'b' (gdl-b 1.2) is incompatible: it is written for plugin API 7.0, and core has 1.0"
    assert str(caught.value) == f"There is no component named 'b/conv'. {said}"
    with pytest.raises(UnknownNameError, match="These plugins are not loaded: b"):
        registry.find("zzz")


@pytest.mark.parametrize("api", [(2, 0), (0, 9), (1, 1), "1.0", (1,), (1, 0, 0), (True, 0), [1, 0]])
def test_other_api_numbers_are_incompatible(api):
    assert managed().register_module("a", plugin(api=api)).status == "incompatible"


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (plugin(["conv"]), "gdl_components must yield Component objects, got str"),
        (plugin([KernelEntry("a", "json:loads", "")]), "must yield Component objects, got KernelEntry"),
        (plugin([layer("a/b")]), "yields the name 'a/b'"),
        (plugin([layer("a b")]), "yields the name 'a b'"),
        (plugin([layer("")]), "yields the name ''"),
        (plugin([layer("a"), layer("a")]), "gdl_components yields the name 'a' twice"),
        (plugin([layer("a", target="json:nothing")]), "the module 'json' has no 'nothing'"),
        (plugin([layer("a", target="json.loads")]), "there is no module 'json.loads'"),
        (plugin([layer("a", target="toy_module.gone:x")]), "there is no module 'toy_module.gone'"),
        (plugin([layer("a", "recipe", "json:no.yaml")]), "the package 'json' contains no file 'no.yaml'"),
        (plugin(gdl_checks=list), "gdl_checks is not marked with @hookimpl"),
        (plugin(hook="gdl_componentz"), "there is no hook 'gdl_componentz'. Did you mean 'gdl_components'?"),
        (plugin(gdl_components=hookimpl(lambda: 3)), "TypeError: 'int' object is not iterable"),
        (plugin(gdl_components=hookimpl(lambda thing: [])), "gdl_components takes no argument, got 'thing'"),
        (plugin(gdl_cases=hookimpl(lambda thing: [])), "gdl_cases takes only component, got 'thing'"),
    ],
)
def test_faulty_plugin_fails_with_a_reason_and_leaves_nothing_behind(module, reason):
    registry = managed(good=plugin([layer("conv")]))
    record = registry.register_module("bad", module)
    assert record.status == "failed"
    assert reason in record.reason
    assert [item.full_name for item in registry.components()] == ["good/conv"]
    assert registry.register_module("bad", plugin([layer("conv")])).status == "loaded"


def test_hook_that_raises_half_way_leaves_no_component():
    def items():
        yield layer("first")
        raise ZeroDivisionError("half-way")

    registry = managed()
    record = registry.register_module("a", plugin(items()))
    assert "ZeroDivisionError: half-way (plugins/test_manager.py line" in record.reason
    assert registry.components() == ()


def test_unknown_hook_may_be_declared_optional():
    module = plugin([layer("conv")])
    module.gdl_from_the_future = hookimpl(optionalhook=True)(lambda: iter(()))
    assert managed().register_module("a", module).status == "loaded"


def test_target_in_a_package_that_is_not_installed_is_told_when_it_is_asked_for():
    registry = managed(a=plugin([layer("conv", target="not_installed_anywhere.mod:Conv")]))
    with pytest.raises(PluginError, match=r"a/conv \(gdl-a 1.2\) cannot be imported .* No module named"):
        registry.resolve("conv")


def test_namespace_must_be_an_identifier_and_free():
    registry = managed(a=plugin())
    assert "identifier" in registry.register_module("a-b", plugin()).reason
    assert registry.register_module("a", plugin()).status == "conflict"


def test_kernels_commands_and_checks_carry_their_namespace():
    entry, command = KernelEntry("k", "json", "sum"), Command("c", "does", "json:loads")
    check = Check("d", "is well", "json:loads")
    registry = managed(
        a=plugin([entry], hook="gdl_kernels"),
        b=plugin([command], hook="gdl_commands"),
        c=plugin([check], hook="gdl_checks"),
    )
    assert registry.kernels() == (replace(entry, namespace="a"),)
    assert registry.commands() == (replace(command, namespace="b"),)
    assert registry.checks() == (replace(check, namespace="c"),)


def with_cases(answer):
    module = plugin([layer("conv"), layer("norm")])
    module.gdl_cases = hookimpl(answer)
    return module


def test_cases_are_asked_only_of_the_owner_of_the_component():
    def answer(component):
        if component.name == "conv":
            yield Case(f"small-{component.full_name}", build=list, inputs=list)

    registry = managed(a=with_cases(answer), b=with_cases(answer))
    assert [case.name for case in registry.cases("a/conv")] == ["small-a/conv"]
    assert [case.name for case in registry.cases(registry.find("b/conv"))] == ["small-b/conv"]
    assert registry.cases("a/norm") == ()


def test_failing_cases_name_the_plugin():
    registry = managed(a=with_cases(lambda component: 1 / 0), b=with_cases(lambda component: [3]))
    with pytest.raises(PluginError, match=r"a/conv \(gdl-a 1.2\) has no cases, because gdl_cases raised: ZeroDiv"):
        registry.cases("a/conv")
    with pytest.raises(PluginError, match="must yield Case objects, got int for b/conv"):
        registry.cases("b/conv")


def test_strict_mode_raises_for_any_plugin_that_did_not_load():
    assert managed({"GDL_STRICT_PLUGINS": "1"}, a=plugin()).components() == ()
    registry = managed({"GDL_STRICT_PLUGINS": "1"}, a=plugin(), b=plugin(api=(2, 0)))
    for question in (registry.components, registry.checks, lambda: registry.find("x")):
        with pytest.raises(PluginError, match="Plugin 'b'"):
            question()
    assert [record.status for record in registry.records()] == ["loaded", "incompatible"]


def test_discovery_waits_for_the_first_question_and_refresh_starts_again(monkeypatch):
    sys.modules["lazy_toy"] = plugin([layer("conv")])
    monkeypatch.setattr("gdl_core.plugins.steps.targets.heavy_imports", lambda module: None)
    environ = {"GDL_DISABLE_PLUGINS": "toy"}
    registry = PluginManager([EntryPoint("toy", "lazy_toy", "gdl.plugins")], environ)
    environ.clear()  # the environment is read at discovery, which has not happened yet
    try:
        assert [item.full_name for item in registry.components()] == ["toy/conv"]
        environ["GDL_DISABLE_PLUGINS"] = "toy"
        assert registry.records()[0].status == "loaded"
        registry.refresh()
        assert registry.records()[0].status == "disabled"
        assert registry.components() == ()
    finally:
        del sys.modules["lazy_toy"]


def test_interrupted_discovery_starts_again_at_the_next_question(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "import os\nif os.environ.pop('TOY_INTERRUPT', ''):\n    raise KeyboardInterrupt\nGDL_API = (1, 0)\n"
    (tmp_path / "interrupted_toy.py").write_text(text)
    monkeypatch.setenv("TOY_INTERRUPT", "1")
    registry = PluginManager([EntryPoint("toy", "interrupted_toy", "gdl.plugins")], {})
    with pytest.raises(KeyboardInterrupt):
        registry.components()
    assert [record.status for record in registry.records()] == ["loaded"]


def test_plugin_that_asks_the_registry_while_it_is_loaded_gets_an_answer():
    registry = managed(a=plugin([layer("conv")]))
    asked = []

    def curious():
        asked.extend(item.full_name for item in registry.components())
        return []

    assert registry.register_module("b", plugin(gdl_components=hookimpl(curious))).status == "loaded"
    assert asked == ["a/conv"]


def test_refresh_finds_a_distribution_installed_in_between(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    registry = PluginManager(environ={})
    assert "fresh_toy" not in {record.name for record in registry.records()}
    (tmp_path / "fresh_toy.py").write_text("GDL_API = (1, 0)\n")
    info = tmp_path / "fresh_toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fresh-toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gdl.plugins]\nfresh_toy = fresh_toy\n")
    registry.refresh()
    found = [record for record in registry.records() if record.name == "fresh_toy"]
    assert [(record.distribution, record.version, record.status) for record in found] == [
        ("fresh-toy", "1.0", "loaded")
    ]


def test_trace_tells_the_calls_on_stderr(capsys):
    managed({"GDL_TRACE_PLUGINS": "1"}, a=plugin([layer("conv")])).components()
    said = capsys.readouterr().err
    assert "calling gdl_components" in said
    assert "a loaded in" in said


def test_module_functions_ask_the_manager_that_replaces_the_default():
    before = manager()
    with replaced(managed(a=plugin([layer("conv")]))):
        assert [item.full_name for item in components()] == ["a/conv"]
    assert manager() is before


def test_plugin_errors_are_errors_the_command_line_shows_as_sentences():
    assert issubclass(PluginError, GdlError)


def test_importing_the_registry_loads_neither_torch_nor_any_plugin():
    code = (
        "import sys, gdl_core.plugins as p\n"
        "assert not p.manager()._discovered\n"
        "p.records()\n"
        "heavy = {'torch', 'numpy', 'numba', 'scipy', 'matplotlib', 'lightning'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
