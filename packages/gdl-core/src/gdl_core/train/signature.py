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
    what = getattr(target, "__name__", repr(target))
    names = _parser(target, skip)[1]
    for name in arguments:
        if name not in names:
            raise ConfigError(
                f"--{section}.{name}: {what} has no option {name!r}."
                + (closest(name, names) or f" It has: {', '.join(names) or 'none'}.")
            )
    for name in _required(target):
        if name in names and name not in arguments:
            raise ConfigError(f"--{section}.{name} is missing: {what} needs it.")
    plain: dict[str, Any] = {}
    ready: dict[str, Any] = {}
    for name in [name for name in arguments if _is_object(arguments[name])]:
        plain[name], ready[name] = _object(arguments[name], f"{section}.{name}")
    simple = {name: value for name, value in arguments.items() if name not in ready}
    parser = _parser(target, [*skip, *(name for name in names if name not in simple)])[0]
    try:
        checked = parser.parse_object(simple)
        ready |= parser.instantiate(checked).as_dict()
        plain |= _plain(parser, checked)
    except (ArgumentError, ValueError, TypeError) as error:
        raise ConfigError(f"--{section}{_sentence(str(error))}") from error
    return _defaults(target, [*skip, *plain]) | plain, ready


def _parser(target: Callable[..., Any], skip: Iterable[str]) -> tuple[ArgumentParser, list[str]]:
    parser = ArgumentParser(exit_on_error=False)
    if inspect.isclass(target):
        names = parser.add_class_arguments(target, None, skip=set(skip), fail_untyped=False, instantiate=False)
    else:
        names = parser.add_function_arguments(target, None, skip=set(skip), fail_untyped=False)
    return parser, list(names)


def _plain(parser: ArgumentParser, checked: Any) -> dict[str, Any]:
    return json.loads(parser.dump(checked, format="json", skip_validation=True))


def _defaults(target: Callable[..., Any], skip: Iterable[str]) -> dict[str, Any]:
    """Return the defaults that could have been given: a few signatures have one of another type than annotated."""
    found: dict[str, Any] = {}
    for name in _parser(target, skip)[1]:
        parser = _parser(target, [other for other in inspect.signature(target).parameters if other != name])[0]
        try:
            value = _plain(parser, parser.parse_object({})).get(name)
        except (ArgumentError, ValueError, TypeError, AttributeError):
            continue
        found |= {} if value is None else {name: value}
    return found


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_path" in value


def _object(value: Mapping[str, Any], section: str) -> tuple[dict[str, Any], Any]:
    """Check and build an argument that is an object of its own, `{class_path, init_args}`."""
    target = find_callable(value["class_path"], section)
    plain, ready = accept(target, value.get("init_args") or {}, section)
    try:
        return {"class_path": value["class_path"], "init_args": plain}, target(**ready)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"--{section}: {value['class_path']} cannot be built: {error}") from error


def describe(target: Callable[..., Any], skip: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    """Return (name, type, default) of each parameter, for the help of a command."""
    rows = []
    for name, parameter in inspect.signature(target).parameters.items():
        if name in skip or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        kind = "" if parameter.annotation is parameter.empty else parameter.annotation
        annotation = kind if isinstance(kind, str) else inspect.formatannotation(kind)
        default = "required" if parameter.default is parameter.empty else repr(parameter.default)
        rows.append((name, annotation.replace("typing.", ""), default))
    return rows


def _required(target: Callable[..., Any]) -> list[str]:
    fixed = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(target).parameters.items()
    return [name for name, p in parameters if p.default is p.empty and p.kind in fixed]


def _sentence(message: str) -> str:
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
