"""The way from a variable to an object, written as one would write it in Python."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from types import BuiltinMethodType, CellType, FrameType, FunctionType, GeneratorType, MemberDescriptorType, MethodType
from typing import Any

import torch

_REGISTERED = re.compile(r"\._(?:parameters|buffers|modules)\['([^']*)'\]")
_NUMBER = re.compile(r"\.(\d+)(?=[.\[]|$)")
_LONG = 40


def written(way: Sequence[object]) -> str:
    """The steps behind a root, whose variables are ``way[0]``: ``.CACHE['k'][3].weight``.

    The first name has a dot before it only where the variables are those of a module.
    """
    text = ""
    for at, (holder, held) in enumerate(pairwise(way)):
        try:
            text += _step(holder, held, way[at - 1] if at else None, is_root=at == 0)
        except Exception:  # noqa: BLE001 - any object may lie on the way, and a leak is told whatever its __dict__ raises
            text += f" -> {type(held).__name__}"
    text = _REGISTERED.sub(r".\1", text)
    return _NUMBER.sub(r"[\1]", text)


def _step(holder: Any, held: object, before: object, *, is_root: bool) -> str:  # noqa: PLR0911 - one a kind of holder
    if isinstance(holder, Mapping):
        attributes = is_root or isinstance(before, type) or getattr(before, "__dict__", None) is holder
        return _key(holder, held, attributes=attributes)
    if isinstance(holder, list | tuple | deque):
        return next((f"[{at}]" for at, item in enumerate(holder) if item is held), "[...]")
    if isinstance(holder, set | frozenset):
        return ".{...}"
    if isinstance(holder, FunctionType):
        return _of_function(holder, held)
    if isinstance(holder, CellType):
        return ""
    if type(holder).__name__ == "_lru_cache_wrapper":
        return " cached result"
    if held is getattr(holder, "__dict__", None) or (isinstance(holder, type) and isinstance(held, dict)):
        return ""
    name = next((name for name, value in _attributes(holder) if value is held), None)
    return f".{name}" if name else f" -> {type(held).__name__}"


def _key(holder: Mapping[Any, object], held: object, *, attributes: bool) -> str:
    for key, value in holder.items():
        if value is held:
            if attributes:
                return f".{key}"
            plain = isinstance(key, str | int | float | bool | tuple | None)
            shown = repr(key) if plain else type(key).__name__
            return f"[{shown if len(shown) <= _LONG else shown[: _LONG - 3] + '...'}]"
    return ".keys()"


def _of_function(function: FunctionType, held: object) -> str:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    name = next((name for name, cell in cells if cell is held), None)
    if name is not None:
        return f" closure {name}"
    if held is function.__defaults__ or held is function.__kwdefaults__:
        return " defaults"
    return ""  # its __dict__


def _attributes(holder: Any) -> Iterator[tuple[str, object]]:
    """What can be read without running the user's code."""
    yield from (getattr(holder, "__dict__", None) or {}).items()
    if isinstance(holder, MethodType | BuiltinMethodType):
        yield "__self__", holder.__self__
    if isinstance(holder, MethodType):
        yield "__func__", holder.__func__
    elif isinstance(holder, partial):
        yield from (("func", holder.func), ("args", holder.args), ("keywords", holder.keywords))
    elif isinstance(holder, FrameType):
        yield from holder.f_locals.items()
    elif isinstance(holder, GeneratorType) and holder.gi_frame is not None:
        yield from holder.gi_frame.f_locals.items()
    elif isinstance(holder, BaseException):
        yield from (("__traceback__", holder.__traceback__), ("__context__", holder.__context__))
    elif issubclass(type(holder), torch.Tensor):
        yield "grad", holder.grad
    yield from _slots(holder)


def _slots(holder: Any) -> Iterator[tuple[str, object]]:
    for kind in type(holder).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            member = kind.__dict__.get(name)
            if isinstance(member, MemberDescriptorType):
                try:
                    yield name, member.__get__(holder)
                except AttributeError:  # never set
                    continue
