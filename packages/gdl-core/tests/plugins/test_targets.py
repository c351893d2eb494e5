"""Targets are judged from source text, and no code runs for it."""

import sys

import pytest
from gdl_core.plugins import targets

BOMB = "raise RuntimeError('this module must not run')\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package `bomb_N` whose every module raises when it runs; returns its name."""
    name = f"bomb_{tmp_path.name.replace('-', '_')}"

    def write(**files):
        for key, text in files.items():
            path = tmp_path / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(BOMB + text if path.suffix == ".py" else text)
        init = tmp_path / name / "__init__.py"
        if not init.exists():
            init.write_text(BOMB)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    assert name not in sys.modules


def files(**texts):
    return {f"{key}.py": text for key, text in texts.items()}


@pytest.mark.parametrize(
    "source",
    [
        "class Thing: ...",
        "def Thing(): ...",
        "Thing = 1",
        "Thing: int = 1",
        "from math import pi as Thing",
        "import math as Thing",
        "if True:\n    Thing = 1",
        "try:\n    pass\nexcept ImportError:\n    Thing = None",
        "from .other import *",
        "def __getattr__(name): ...",
    ],
)
def test_attribute_that_may_be_bound_at_module_level_is_accepted(package, source):
    name = package(**files(mod=source))
    assert targets.missing(f"{name}.mod:Thing") is None


@pytest.mark.parametrize(
    "source",
    ["def f():\n    Thing = 1", "class Other:\n    Thing = 1", "from typing import TYPE_CHECKING\nThin = 2", ""],
)
def test_attribute_that_no_statement_binds_is_missing(package, source):
    name = package(**files(mod=source))
    assert "has no 'Thing'" in targets.missing(f"{name}.mod:Thing")


def test_missing_module_and_malformed_targets_are_sentences(package):
    name = package(**files(mod="Thing = 1"))
    assert "there is no module" in targets.missing(f"{name}.absent:Thing")
    assert "there is no module" in targets.missing(f"{name}.mod.deeper:Thing")
    for bad in (f"{name}.mod:Thing()", f"{name}/mod:Thing", ":Thing", ""):
        assert "is not of the form" in targets.missing(bad)


def test_spelling_is_suggested(package):
    name = package(**files(mod="class SteerableConv: ..."))
    assert "Did you mean 'SteerableConv'?" in targets.missing(f"{name}.mod:SteerableConw")


def test_lazy_package_is_judged_by_its_stub(package):
    name = package(
        **files(__init__="__getattr__ = None", conv="class Conv: ..."),
        **{"__init__.pyi": "from .conv import Conv as Conv\nfrom .conv import Gone as Gone"},
    )
    assert targets.missing(f"{name}:Conv") is None
    assert targets.missing(f"{name}:conv") is None
    assert "has no 'Other'" in targets.missing(f"{name}:Other")
    assert "has no 'Gone'" in targets.missing(f"{name}:Gone")


def test_recipe_is_a_file_of_the_package(package):
    name = package(**{"recipes/digits.yaml": ""})
    assert targets.resource(f"{name}:recipes/digits.yaml").name == "digits.yaml"
    assert targets.missing(f"{name}:recipes/digits.yaml", "recipe") is None
    assert "contains no file 'recipes/other.yaml'" in targets.missing(f"{name}:recipes/other.yaml", "recipe")


@pytest.mark.parametrize(
    ("files_", "where"),
    [
        ({"__init__.py": "import torch"}, "__init__.py line 2 imports torch"),
        ({"_plugin.py": "from scipy.sparse import csr_array"}, "_plugin.py line 2 imports scipy"),
        ({"_plugin.py": "from . import layer", "layer.py": "import torch.nn"}, "layer.py line 2 imports torch"),
        ({"_plugin.py": "from .layer import x", "layer.py": "import numba"}, "layer.py line 2 imports numba"),
        ({"_plugin.py": "try:\n    import torch\nexcept ImportError: pass"}, "_plugin.py line 3 imports torch"),
        ({"_plugin.py": "class A:\n    import torch"}, "_plugin.py line 3 imports torch"),
    ],
)
def test_heavy_import_on_the_way_to_the_plugin_module_is_found(package, files_, where):
    name = package(**{"_plugin.py": "", **files_})
    assert where in targets.heavy_imports(f"{name}._plugin")


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import torch",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
        "import torchless",
        "import json",
        "this is no Python",
    ],
)
def test_import_that_does_not_happen_or_is_light_is_not_reported(package, source):
    name = package(**{"_plugin.py": source})
    assert targets.heavy_imports(f"{name}._plugin") is None


def test_plugin_modules_of_core_are_light():
    assert targets.heavy_imports("gdl_core._plugin") is None
