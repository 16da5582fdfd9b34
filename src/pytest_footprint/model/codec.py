"""Frozen values as JSON and back: what dataclasses declare is what is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from types import UnionType
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

Value = TypeVar("Value")
_Step: TypeAlias = Callable[[Any], Any]

SCHEMA = 1
"""Goes up when an older reader could not read what is written."""


def dump(value: object) -> str:
    """One line of JSON. Fields that hold their default are left out."""
    kind: Any = type(value)
    return json.dumps({"schema": SCHEMA, kind.__name__: _encoder(kind)(value)}, separators=(",", ":"))


def load(kind: type[Value], text: str) -> Value:
    """Read what `dump` wrote.

    Raises:
        ValueError: it is not JSON, not of this kind, or of another schema.
    """
    try:
        document = json.loads(text)
    except ValueError as problem:
        msg = f"not the JSON of a {kind.__name__}: {problem}"
        raise ValueError(msg) from None
    if not isinstance(document, dict) or "schema" not in document:
        msg = f"not the JSON of a {kind.__name__}: it has no schema number"
        raise ValueError(msg)
    if document["schema"] != SCHEMA:
        msg = f"this {kind.__name__} has schema {document['schema']!r}, this version reads {SCHEMA}"
        raise ValueError(msg)
    hint: Any = kind
    try:
        value: Value = _decoder(hint)(document[kind.__name__])
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        msg = f"not the JSON of a {kind.__name__}: {type(problem).__name__}: {problem}"
        raise ValueError(msg) from None
    return value


@cache
def _encoder(hint: object) -> _Step:
    """How to turn a value of this type into what `json` writes; planned once for each type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        item = _encoder(arguments[0])
        return lambda values: [item(value) for value in values]
    if origin is Mapping:
        item = _encoder(arguments[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return lambda value: value  # ints and strings, and what derives from them
    types = get_type_hints(hint)
    plan = [(each.name, _encoder(types[each.name]), _default(each)) for each in fields(hint)]
    return lambda value: {
        name: encode(found) for name, encode, default in plan if (found := getattr(value, name)) != default
    }


@cache
def _decoder(hint: object) -> _Step:
    """How to build a value of this type from what `json` reads; planned once for each type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda values: tuple([item(value) for value in values])
    if origin is Mapping:
        item = _decoder(arguments[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    if origin is UnionType:
        some = _decoder(arguments[0])
        return lambda value: None if value is None else some(value)
    if isinstance(hint, type) and is_dataclass(hint):
        types = get_type_hints(hint)
        plan = {each.name: _decoder(types[each.name]) for each in fields(hint)}
        return lambda values: hint(**{name: plan[name](value) for name, value in values.items()})
    if isinstance(hint, type) and issubclass(hint, int | str):
        return partial(_leaf, hint, int if issubclass(hint, int) else str)
    msg = f"{hint!r} cannot be read from JSON"
    raise TypeError(msg)


def _leaf(kind: type[int | str], base: type[int | str], value: int | str) -> int | str:
    if type(value) is not base:
        msg = f"{value!r} is not {base.__name__}"
        raise TypeError(msg)
    return kind(value)


def _default(field: Field[Any]) -> object:
    """What a field holds unless told; nothing is equal to `MISSING`."""
    return field.default if field.default_factory is MISSING else field.default_factory()
