"""Checking arguments against a signature: the only file that knows jsonargparse (its API changes before version 5)."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser

from gdl_core.errors import closest
from gdl_core.train.names import ConfigError, find_callable


def accept(
    target: Callable[..., Any], arguments: Mapping[str, Any], section: str, skip: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check `arguments` by the signature of `target` and complete them with its defaults.

    Strings are read as the annotated type, so options of the command line and values of a YAML file pass alike.

    Args:
        target: a class or a function.
        arguments: name → value; nested `{class_path, init_args}` where a parameter is an object.
        section: what the sentence of an error calls it, such as `"model"`.
        skip: parameters that somebody else fills in.

    Returns:
        The arguments as plain values (for files), and ready to call `target` with (objects built, types converted).

    Raises:
        ConfigError: a name that `target` does not have, a value of another type, or one that is missing.
    """
    parser = ArgumentParser(exit_on_error=False)
    if inspect.isclass(target):
        names = parser.add_class_arguments(target, None, skip=set(skip), fail_untyped=False, instantiate=False)
    else:
        names = parser.add_function_arguments(target, None, skip=set(skip), fail_untyped=False)
    what = getattr(target, "__name__", repr(target))
    for name in arguments:
        if name not in names:
            raise ConfigError(
                f"--{section}.{name}: {what} has no option {name!r}."
                + (closest(name, names) or f" It has: {', '.join(names) or 'none'}.")
            )
    for name in _required(target):
        if name in names and name not in arguments:
            raise ConfigError(f"--{section}.{name} is missing: {what} needs it.")
    try:
        checked = parser.parse_object({name: _dotted(value, section) for name, value in arguments.items()})
        plain = json.loads(parser.dump(checked, format="json", skip_validation=True))
        return plain, parser.instantiate(checked).as_dict()
    except (ArgumentError, ValueError, TypeError) as error:
        raise ConfigError(f"--{section}{_sentence(str(error), section)}") from error


def describe(target: Callable[..., Any], skip: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    """Return (name, type, default) of each parameter, for the help of a command."""
    rows = []
    for name, parameter in inspect.signature(target).parameters.items():
        if name in skip or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation = "" if parameter.annotation is parameter.empty else inspect.formatannotation(parameter.annotation)
        default = "required" if parameter.default is parameter.empty else repr(parameter.default)
        rows.append((name, annotation.replace("typing.", ""), default))
    return rows


def _dotted(value: Any, section: str) -> Any:
    """Replace the component names (plugin/name) of nested objects by dotted paths, the only ones jsonargparse takes."""
    if not isinstance(value, Mapping):
        return value
    found = {key: _dotted(inner, section) for key, inner in value.items()}
    name = found.get("class_path")
    if isinstance(name, str) and "/" in name:
        target = find_callable(name, "")
        found["class_path"] = f"{target.__module__}.{target.__qualname__}"
    return found


def _required(target: Callable[..., Any]) -> list[str]:
    fixed = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(target).parameters.items()
    return [name for name, p in parameters if p.default is p.empty and p.kind in fixed]


def _sentence(message: str, section: str) -> str:
    """Turn `Parser key "channels": Expected a <class 'int'>. Got value: abc` into one sentence."""
    found = re.search(r'Parser key "([^"]+)":\s*(.*)', message, re.DOTALL)
    if found is None:
        return f": {' '.join(message.split())}"
    key, rest = found.groups()
    got = re.search(r"(?:Got value|Given value): (.*)", rest)
    types = re.findall(r"<class '([^']+)'>", rest.partition("Errors:")[0])
    if not types or got is None:
        return f".{key}: {' '.join(rest.split())}"
    expected = " or ".join(dict.fromkeys("nothing" if name == "NoneType" else name for name in types))
    return f".{key}: expected {expected}, got {got.group(1).strip()!r}."
