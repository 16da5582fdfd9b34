"""Why JSON is not that of a value, in the words of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

_LONGEST = 60
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def first_problem(hint: Any, plain: object) -> str:
    """Where ``plain``, as `json` read it, first differs from what the type ``hint`` takes; ``""`` where it does not."""
    return next(_problems(hint, plain, ""), "")


def _problems(hint: Any, plain: object, where: str) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        if plain is not None:
            yield from _problems(arguments[0], plain, where)
    elif origin is tuple:
        if not isinstance(plain, list):
            yield _wrong(where, plain, "a list")
        else:
            for number, each in enumerate(plain):
                yield from _problems(arguments[0], each, f"{where}[{number}]")
    elif origin is Mapping:
        if not isinstance(plain, dict):
            yield _wrong(where, plain, "an object")
        else:
            for key, each in plain.items():
                yield from _problems(arguments[1], each, _below(where, key))
    elif is_dataclass(hint):
        yield from _of_dataclass(hint, plain, where)
    else:
        yield from _of_leaf(hint, plain, where)


def _of_dataclass(kind: Any, plain: object, where: str) -> Iterator[str]:
    types = get_type_hints(kind)
    own = {each.name: each for each in fields(kind) if each.metadata.get("stored", True)}
    if len(own) == 1:  # written as its only field
        yield from _problems(types[next(iter(own))], plain, where)
        return
    if not isinstance(plain, dict):
        yield _wrong(where, plain, "an object")
        return
    at = f"{where}: " if where else ""
    if unknown := [name for name in plain if name not in own]:
        yield f"{at}{kind.__name__} knows no {', '.join(map(repr, unknown))}"
    needed = [name for name, each in own.items() if each.default is MISSING and each.default_factory is MISSING]
    if missing := [name for name in needed if name not in plain]:
        yield f"{at}{kind.__name__} has no {', '.join(map(repr, missing))}"
    for name, each in plain.items():
        if name in own:
            yield from _problems(types[name], each, _below(where, name))


def _of_leaf(kind: Any, plain: object, where: str) -> Iterator[str]:
    base = next(each for each in _WORDS if issubclass(kind, each))
    if type(plain) is not base and not (base is float and type(plain) is int):
        yield _wrong(where, plain, _WORDS[base])
    elif issubclass(kind, Enum) and plain not in list(kind):
        yield _wrong(where, plain, f"one of {', '.join(map(str, kind))}")


def _wrong(where: str, plain: object, wanted: str) -> str:
    shown = json.dumps(plain)
    if len(shown) > _LONGEST:
        shown = f"{shown[: _LONGEST - 3]}..."
    return f"{where or 'it'}: {shown} is not {wanted}"


def _below(where: str, key: str) -> str:
    key = key if key.isidentifier() else json.dumps(key)
    return f"{where}.{key}" if where else key
