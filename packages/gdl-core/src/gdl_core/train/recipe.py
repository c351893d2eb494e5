"""Recipes: YAML files that name the data, the network, the optimiser and the trainer, and how options override them."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gdl_core import plugins
from gdl_core.errors import closest
from gdl_core.train.names import ConfigError

OBJECTS = ("data", "model", "objective", "optimizer", "scheduler")  # sections with a class_path
OPTIONS = ("loader", "task", "trainer")  # sections of plain options
SECTIONS = (*OBJECTS, *OPTIONS, "seed")


@dataclass(frozen=True)
class Recipe:
    """A recipe as it was written, with its overrides applied; plain values only.

    Args:
        name: its name in the registry, or the stem of its file.
        config: section → `{class_path, init_args}` for objects, option → value for the others, and `seed`.
    """

    name: str
    config: dict[str, Any]

    def override(self, options: Sequence[str]) -> "Recipe":
        """Return the recipe changed by options of the command line: `--section.key value` or `--section.key=value`.

        `--model NAME` chooses another class and drops the arguments of the one before; `--model.width 32` and
        `--model.init_args.width 32` are the same. So it is with objects inside objects: `--model.model NAME`,
        `--model.model.width 32`.

        Raises:
            ConfigError: something that is not an option, or names no section; the closest one is offered.
        """
        config = deepcopy(self.config)
        for option, value in _pairs(options):
            section, *keys = option.split(".")
            _check_section(section, f"--{option}")
            if not keys:
                _choose(config, section, value)
                continue
            if section == "seed":
                raise ConfigError(f"--{option}: the seed is one number, expected `--seed NUMBER`.")
            if keys == ["class_path"]:
                _choose(config, section, value)
                continue
            keys = keys[1:] if section in OBJECTS and keys[0] == "init_args" else keys
            place = config.setdefault(section, {})
            if section in OBJECTS:
                if "class_path" not in place:
                    raise ConfigError(f"--{option}: the recipe has no {section}; choose one first: --{section} NAME.")
                place = place.setdefault("init_args", {})
            for key in keys[:-1]:
                place = _inside(place, key, option)
            _put(place, keys[-1], value)
        return Recipe(self.name, config)


def _inside(place: dict[str, Any], key: str, option: str) -> dict[str, Any]:
    """Return what `key` of `place` holds, for options inside it: of an object these are its arguments."""
    place = _arguments(place, key)
    found = place.setdefault(key, {})
    if not isinstance(found, dict):
        raise ConfigError(f"--{option}: {key} is {found!r}, which has no options of its own.")
    return found


def _arguments(place: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the arguments of the object `place`, if it is one and `key` is a name among them."""
    is_object = "class_path" in place and key not in ("class_path", "init_args")
    return place.setdefault("init_args", {}) if is_object else place


def _put(place: dict[str, Any], key: str, value: Any) -> None:
    """Set `key` of `place`; the name of another class replaces an object, arguments included."""
    place = _arguments(place, key)
    before = place.get(key)
    if isinstance(before, dict) and "class_path" in before and isinstance(value, str):
        if before["class_path"] != value:
            place[key] = {"class_path": value, "init_args": {}}
    elif key == "class_path" and before not in (None, value):
        place |= {"class_path": value, "init_args": {}}
    else:
        place[key] = value


def read_recipe(name: str | Path) -> Recipe:
    """Read a recipe by its name in the registry (`grids/digits`) or from a YAML file.

    Raises:
        UnknownNameError: no plugin has such a recipe; the closest names are offered.
        ConfigError: the file is absent, is not YAML, or has a section that no recipe has.
    """
    text = str(name)
    if text.endswith((".yaml", ".yml")):
        path, label = Path(text), Path(text).stem
        if not path.is_file():
            raise ConfigError(f"There is no recipe file {text!r}.")
    else:
        path, label = plugins.resolve(text, "recipe"), plugins.find(text, "recipe").full_name
    return Recipe(label, read_config(path, path.name))


def read_config(path: Path, where: str) -> dict[str, Any]:
    """Read the sections of a YAML file, which errors call `where`.

    Raises:
        ConfigError: the file is not YAML, or has a section that no recipe has.
    """
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not YAML: {' '.join(str(error).split())}.") from error
    return normalise(config, where)


def normalise(config: Any, where: str) -> dict[str, Any]:
    """Check the sections of a configuration and write `model: NAME` as `model: {class_path: NAME}`."""
    if not isinstance(config, Mapping):
        raise ConfigError(f"{where}: expected sections ({', '.join(SECTIONS)}), got {type(config).__name__}.")
    plain: dict[str, Any] = {}
    for section, content in config.items():
        _check_section(str(section), where)
        if section == "seed" or content is None:
            plain |= {} if content is None else {section: content}
        elif isinstance(content, str) and section in OBJECTS:
            plain[section] = {"class_path": content, "init_args": {}}
        elif not isinstance(content, Mapping):
            raise ConfigError(f"{where}: expected the options of {section!r}, got {content!r}.")
        else:
            plain[section] = deepcopy(dict(content))
            if section in OBJECTS:
                _check_object(plain[section], section, where)
    for section in ("data", "model", "optimizer"):
        if section not in plain:
            raise ConfigError(f"{where}: the section {section!r} is missing.")
    return plain


def _check_object(content: dict[str, Any], section: str, where: str) -> None:
    if "class_path" not in content or set(content) - {"class_path", "init_args"}:
        raise ConfigError(f"{where}: {section!r} takes class_path and init_args, got {', '.join(map(str, content))}.")
    content["init_args"] = content.get("init_args") or {}


def _check_section(section: str, where: str) -> None:
    if section not in SECTIONS:
        hint = closest(section, SECTIONS) or f" The sections are {', '.join(SECTIONS)}."
        raise ConfigError(f"{where}: there is no section {section!r}.{hint}")


def _choose(config: dict[str, Any], section: str, value: str) -> None:
    if section in OPTIONS:
        raise ConfigError(f"--{section}: expected an option of it, such as --{section}.NAME {value}.")
    if section == "seed":
        config[section] = value
    elif value in ("null", "none"):
        config.pop(section, None)
    elif config.get(section, {}).get("class_path") != value:
        config[section] = {"class_path": value, "init_args": {}}


def _pairs(options: Sequence[str]) -> list[tuple[str, Any]]:
    """Read `--a.b value`, `--a.b=value`, and `--a.b` alone, which means true."""
    found: list[tuple[str, Any]] = []
    waiting = list(options)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--") or word == "--":
            raise ConfigError(f"expected an option such as --trainer.max_epochs, got {word!r}.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            alone = not waiting or waiting[0].startswith("--")
            value = "true" if alone else waiting.pop(0)
        found.append((name, None if value == "null" and "." in name else value))
    return found
