"""The command ``gdl``: what it prints, its exit status, and that errors are sentences."""

import json
from types import ModuleType

import pytest
from gdl_core.cli import main
from gdl_core.cli.main import COMMANDS, TRAIN_MODULES
from gdl_core.cli.table import table
from gdl_core.errors import DataError
from gdl_core.plugins import Check, Command, Component, PluginManager, hookimpl, replaced, targets


class Turn:
    """Turn things.

    y = R x
    """

    claims = ("rotation", "shift")

    def __init__(self, angle: float, times: int = 1):
        pass


def well():
    return None


def unwell():
    return "the table is gone"


def raises():
    raise ZeroDivisionError("in a check")


def shout(argv):
    if argv == ["fail"]:
        raise DataError("no file 'a' in\n'b'")
    if argv == ["lightning"]:
        raise ModuleNotFoundError("No module named 'lightning'", name="lightning")
    print("shouted", *argv)


@pytest.fixture
def plugin(monkeypatch):
    """A manager with one plugin `toy`, whose targets are in a module `toy_targets`."""
    made = ModuleType("toy_targets")
    made.__dict__.update(Turn=Turn, well=well, unwell=unwell, raises=raises, shout=shout)
    monkeypatch.setitem(__import__("sys").modules, "toy_targets", made)
    monkeypatch.setattr(targets, "missing", lambda target, kind="": None)
    toy = ModuleType("toy")
    toy.GDL_API = (1, 0)
    toy.components = [
        Component("layer", "turn", "toy_targets:Turn", "Turns.", tags=("rotation",)),
        Component("symmetry", "spin", "toy_targets:well", "Spins."),
    ]
    toy.checks = [Check("well", "it is well", "toy_targets:well")]
    toy.gdl_components = hookimpl(lambda: toy.components)
    toy.gdl_checks = hookimpl(lambda: toy.checks)
    toy.gdl_commands = hookimpl(lambda: [Command("shout", "Shouts.", "toy_targets:shout")])
    manager = PluginManager(entry_points=(), environ={})
    with replaced(manager):
        toy.load = lambda: manager.register_module("toy", toy, "gdl-toy", "0.3")
        yield toy


def test_table_wraps_the_last_column_only():
    printed = table(("name", "about"), [("a-long-name", "word " * 30)], width=60)
    assert all(len(line) <= 60 for line in printed.splitlines())
    assert printed.splitlines()[2].startswith(" " * 13 + "word")


def test_plugins_table_and_json(plugin, capsys):
    plugin.load()
    assert main(["plugins"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:5] == ["toy", "loaded", "1.0", "gdl-toy", "0.3"]
    assert main(["plugins", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["hooks"] == ["gdl_checks", "gdl_commands", "gdl_components"]
    assert main(["plugins", "show", "toy"]) == 0
    assert "toy/turn" in capsys.readouterr().out
    assert main(["plugins", "show", "toyy"]) == 2
    assert capsys.readouterr().err == "gdl: There is no plugin named 'toyy'. Did you mean 'toy'?\n"


@pytest.mark.parametrize("kind", ["symmetry", "symmetries"])
def test_list_takes_singular_and_plural(plugin, capsys, kind):
    plugin.load()
    assert main(["list", kind]) == 0
    assert capsys.readouterr().out == "name      summary\ntoy/spin  Spins.\n"


def test_list_counts_kinds_and_answers_json(plugin, capsys):
    plugin.load()
    assert main(["list"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [["layer", "1"], ["symmetry", "1"]]
    assert main(["list", "layers", "--json"]) == 0
    assert [item["name"] for item in json.loads(capsys.readouterr().out)] == ["turn"]


def test_unknown_kind_offers_the_closest(plugin, capsys):
    plugin.load()
    assert main(["list", "layerz"]) == 2
    assert "Did you mean 'layers'" in capsys.readouterr().err


def test_show_prints_signature_claims_origin_and_documentation(plugin, capsys):
    plugin.load()
    assert main(["show", "toy/turn"]) == 0
    shown = capsys.readouterr().out
    for part in ("gdl-toy 0.3", "Turn(angle: float, times: int = 1)", "rotation, shift", "y = R x", "test_commands"):
        assert part in shown


def test_show_prints_the_text_of_a_recipe(plugin, capsys, tmp_path, monkeypatch):
    (tmp_path / "toy_recipes").mkdir()
    (tmp_path / "toy_recipes" / "a.yaml").write_text("model: turn\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugin.components = [Component("recipe", "a", "toy_recipes:a.yaml", "A recipe.")]
    plugin.load()
    assert main(["show", "toy/a"]) == 0
    assert capsys.readouterr().out.endswith("model: turn\n")
    assert main(["recipes"]) == 0
    assert "toy/a" in capsys.readouterr().out


def test_commands_of_plugins_run_by_short_and_full_name(plugin, capsys):
    plugin.load()
    for name in ("shout", "toy/shout"):
        assert main([name, "loud"]) == 0
        assert capsys.readouterr().out == "shouted loud\n"
    assert main(["--help"]) == 0
    assert "toy/shout" in capsys.readouterr().out


def test_errors_are_one_sentence_and_the_traceback_is_for_debugging(plugin, capsys, monkeypatch):
    plugin.load()
    assert main(["shout", "fail"]) == 2
    assert capsys.readouterr().err == "gdl: no file 'a' in 'b'.\n"
    monkeypatch.setenv("GDL_DEBUG", "1")
    with pytest.raises(DataError):
        main(["shout", "fail"])


def test_unknown_command_offers_the_closest(plugin, capsys):
    plugin.load()
    for wrong, right in (("trian", "train"), ("plugin", "plugins"), ("shuot", "shout")):
        assert main([wrong]) == 2
        assert f"There is no command {wrong!r}. Did you mean {right!r}" in capsys.readouterr().err


def test_missing_extra_is_named(plugin, capsys, monkeypatch):
    monkeypatch.setitem(COMMANDS, "train", ("toy_targets:shout", "trains"))
    assert "lightning" in TRAIN_MODULES
    assert main(["train", "lightning"]) == 2
    said = capsys.readouterr().err
    assert "`gdl train` needs the extra gdl-core[train]" in said
    assert "pip install 'gdl-core[train]'" in said


def test_doctor_passes_when_all_is_well(plugin, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path / "cache"))
    plugin.load()
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "All is well." in out
    assert str(tmp_path / "cache") in out
    assert "toy/well" in out


@pytest.mark.parametrize(
    ("check", "said"), [("unwell", "the table is gone"), ("raises", "ZeroDivisionError: in a check")]
)
def test_doctor_fails_with_a_failing_check_and_runs_the_others(plugin, capsys, check, said):
    plugin.checks = [Check("first", "", f"toy_targets:{check}"), Check("second", "", "toy_targets:well")]
    plugin.load()
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"trouble: toy/first: {said}" in out
    assert any(line.split()[:2] == ["toy/second", "passed"] for line in out.splitlines())


def test_doctor_tells_settings_that_cannot_work(plugin, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GDL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("GDL_DISABLE_PLUGINS", "nonesuch")
    monkeypatch.setenv("GDL_KERNELS", "fpga")
    plugin.load()
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    for part in ("cache folder cannot be written", "names 'nonesuch'", "GDL_KERNELS=fpga cannot run"):
        assert part in out


def test_kernels_lists_every_backend_with_its_reason(capsys):
    assert main(["kernels"]) == 0
    out = capsys.readouterr().out
    for backend in ("reference", "cpu", "cuda"):
        assert any(line.startswith(backend) and len(line.split()) > 2 for line in out.splitlines())


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("gdl-core ")
