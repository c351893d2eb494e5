"""Frozen dataclasses of tensors that every part of torch understands: compile, export, save, load, pinning.

A *tensor dataclass* holds tensors, other tensor dataclasses, and static metadata. The decorator registers it
as a keyed pytree with a serialised name, and with the safe globals of `torch.load`.
"""

import dataclasses
import json
import typing
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeVar

import torch
from torch import Tensor
from torch.serialization import add_safe_globals
from torch.utils import _pytree

T = TypeVar("T", bound=type)
_LITERALS = (bool, int, float, str, type(None))


@typing.overload
def tensor_dataclass(cls: T, *, name: str | None = None) -> T: ...
@typing.overload
def tensor_dataclass(cls: None = None, *, name: str | None = None) -> Callable[[T], T]: ...
@typing.dataclass_transform(frozen_default=True, eq_default=False)
def tensor_dataclass(cls: Any = None, *, name: str | None = None) -> Any:
    """Make `cls` a frozen dataclass of tensors and register it as a pytree. With or without parentheses.

    A field is *data* (flattened into tensors) if its annotation mentions `Tensor` or a tensor dataclass
    anywhere, as in ``Tensor | None`` or ``tuple[Tensor, ...]``; every other field is *static*: hashable,
    compared by ``==``, part of the compiled program. ``field(metadata={"static": True})`` (or ``False``)
    overrides the annotation. Two objects are equal only if they are the same object. Flattening does not run
    ``__post_init__``, so that validation costs nothing inside a compiled program; cached properties do not
    survive it.

    Args:
        name: the name written into exported programs; module and class name if left out. Fixed for ever.

    Raises:
        TypeError: if `cls` does not inherit from `TensorDataclass`.
    """

    def decorate(cls: type) -> type:
        if not issubclass(cls, TensorDataclass):
            raise TypeError(f"A tensor dataclass inherits from TensorDataclass; {cls.__qualname__} does not.")
        cls = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
        hints = typing.get_type_hints(cls)
        names = [f.name for f in dataclasses.fields(cls) if not _is_static(f, hints[f.name])]
        # Longest first: torch.export (2.13) replaces names in its guards one after the other, and would take the
        # `ptr` in `ptr_t` for the field `ptr`.
        cls._data_fields = tuple(sorted(names, key=len, reverse=True))
        cls._static_fields = tuple(f.name for f in dataclasses.fields(cls) if f.name not in names)
        _register(cls, name or f"{cls.__module__}.{cls.__qualname__}")
        return cls

    return decorate if cls is None else decorate(cls)


def _is_static(field: dataclasses.Field, hint: Any) -> bool:
    return field.metadata.get("static", not _mentions_tensor(hint))


def _mentions_tensor(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, Tensor | TensorDataclass):
        return True
    return any(_mentions_tensor(part) for part in typing.get_args(hint))


def _register(cls: type["TensorDataclass"], name: str) -> None:
    data, static = cls._data_fields, cls._static_fields

    def flatten(value: Any) -> tuple[list[Any], tuple[Any, ...]]:
        return [getattr(value, f) for f in data], tuple(getattr(value, f) for f in static)

    def flatten_with_keys(value: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        return [(_pytree.GetAttrKey(f), getattr(value, f)) for f in data], tuple(getattr(value, f) for f in static)

    def unflatten(leaves: Iterable[Any], context: tuple[Any, ...]) -> Any:
        value = object.__new__(cls)
        for field, leaf in zip(data, leaves, strict=True):
            object.__setattr__(value, field, leaf)
        for field, item in zip(static, context, strict=True):
            object.__setattr__(value, field, item)
        return value

    _pytree.register_pytree_node(
        cls,
        flatten,
        unflatten,
        serialized_type_name=name,
        flatten_with_keys_fn=flatten_with_keys,
        to_dumpable_context=lambda context: json.dumps([_to_json(item, name) for item in context]),
        from_dumpable_context=lambda text: tuple(_from_json(item) for item in json.loads(text)),
    )
    add_safe_globals([cls])


def _to_json(value: Any, name: str) -> Any:
    """Literals as they are, tuples as ``{"tuple": [...]}`` so that they come back as tuples."""
    if isinstance(value, _LITERALS):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_to_json(item, name) for item in value]}
    raise TypeError(
        f"Static metadata of {name} must be numbers, strings, None or tuples of them to be exported, got {value!r}."
    )


def _from_json(value: Any) -> Any:
    return tuple(_from_json(item) for item in value["tuple"]) if isinstance(value, dict) else value


class TensorDataclass:
    """Base of tensor dataclasses: moving, pinning, mapping and printing, derived from the fields."""

    __dataclass_fields__: typing.ClassVar[dict[str, Any]]
    _data_fields: typing.ClassVar[tuple[str, ...]] = ()
    _static_fields: typing.ClassVar[tuple[str, ...]] = ()

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Return a copy whose tensors, nested ones too, are ``function(tensor)``; static fields are kept."""
        return _pytree.tree_map_only(Tensor, function, self)

    def to(
        self,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        non_blocking: bool = False,
    ) -> Self:
        """Return a copy on `device`; `dtype` converts floating-point tensors only: indices stay integers."""

        def move(tensor: Tensor) -> Tensor:
            kind = dtype if tensor.is_floating_point() else None
            return tensor.to(device=device, dtype=kind, non_blocking=non_blocking)

        return self.map_tensors(move)

    def pin_memory(self) -> Self:
        """Return a copy in page-locked memory; a `DataLoader` with ``pin_memory=True`` calls this."""
        return self.map_tensors(Tensor.pin_memory)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with the named fields changed (runs ``__post_init__``)."""
        return dataclasses.replace(self, **changes)

    def __getstate__(self) -> dict[str, Any]:
        # Fields only: what cached properties left in __dict__ is rebuilt after loading.
        return {name: getattr(self, name) for name in (*self._data_fields, *self._static_fields)}

    def __repr__(self) -> str:
        fields = (f.name for f in dataclasses.fields(self) if f.repr)
        shown = ", ".join(f"{name}={_show(getattr(self, name))}" for name in fields)
        return f"{type(self).__qualname__}({shown})"


def _show(value: Any) -> str:
    """A tensor as ``int32[5, 2]``, anything else by its repr."""
    if not isinstance(value, Tensor):
        return repr(value)
    place = "" if value.device.type == "cpu" else f" {value.device}"
    return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}{place}"
