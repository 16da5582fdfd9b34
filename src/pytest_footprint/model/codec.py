"""Frozen values as JSON and back: what dataclasses declare is what is written.

A dataclass with one field is written as that field: ``DeviceUsage`` is an object of devices, ``SavedTensors`` a list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from types import UnionType
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from pytest_footprint.model.json_problem import first_problem

Value = TypeVar("Value")
_Step: TypeAlias = Callable[[Any], Any]
_Leaf: TypeAlias = int | str | float

NOT_STORED = {"stored": False}
"""Metadata of a field that can be told from the others: it is neither written nor read."""

SCHEMA = 1
"""Goes up when an older reader could not read what is written."""


def dump(value: object) -> str:
    """One line of JSON. Fields that hold their default are left out."""
    return json.dumps({"schema": SCHEMA, type(value).__name__: to_plain(value)}, separators=(",", ":"))


def to_plain(value: object) -> Any:
    """What `json` writes for it: dicts, lists, strings and numbers."""
    kind: Any = type(value)
    return _encoder(kind)(value)


def from_plain(kind: type[Value], plain: object) -> Value:
    """Build the value that `to_plain` was given.

    Raises:
        ValueError: it is not of this kind.
    """
    hint: Any = kind
    try:
        value: Value = _decoder(hint)(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        # Looked for only now: a run has thousands of values, and hardly ever one that is wrong.
        where = first_problem(hint, plain) or f"{type(problem).__name__}: {problem}"
        msg = f"not the JSON of a {kind.__name__}: {where}"
        raise ValueError(msg) from None
    return value


def read_json(text: str) -> Any:
    """What `json` reads.

    Raises:
        ValueError: it is not JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        msg = "its lists and objects are nested too deeply to be read"
        raise ValueError(msg) from None


def load(kind: type[Value], text: str) -> Value:
    """Read what `dump` wrote.

    Raises:
        ValueError: it is not JSON, not of this kind, or of another schema.
    """
    try:
        document = read_json(text)
    except ValueError as problem:
        msg = f"not the JSON of a {kind.__name__}: {problem}"
        raise ValueError(msg) from None
    if not isinstance(document, dict) or "schema" not in document:
        msg = f"not the JSON of a {kind.__name__}: it has no schema number"
        raise ValueError(msg)
    if document["schema"] != SCHEMA:
        msg = f"this {kind.__name__} has schema {document['schema']!r}, this version reads {SCHEMA}"
        raise ValueError(msg)
    if kind.__name__ not in document:
        msg = f"not the JSON of a {kind.__name__}: it has no entry {kind.__name__!r}"
        raise ValueError(msg)
    return from_plain(kind, document[kind.__name__])


def stored_fields(kind: Any) -> list[Field[Any]]:
    """The fields of a dataclass that are written and read."""
    return [each for each in fields(kind) if each.metadata.get("stored", True)]


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
    if origin is UnionType and is_dataclass(arguments[0]):
        kind: Any = arguments[0]
        some = _encoder(kind)
        return lambda value: None if value is None else some(value)
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return lambda value: value  # ints and strings, and what derives from them
    types = get_type_hints(hint)
    plan = [(each.name, _encoder(types[each.name]), _default(each)) for each in stored_fields(hint)]
    if len(plan) == 1:
        [(only, encode_only, _)] = plan
        return lambda value: encode_only(getattr(value, only))
    return lambda value: {
        name: encode(found) for name, encode, default in plan if (found := getattr(value, name)) != default
    }


@cache
def _decoder(hint: object) -> _Step:
    """How to build a value of this type from what `json` reads; planned once for each type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        item = _decoder(arguments[0])
        return lambda values: tuple([item(value) for value in _list(values)])
    if origin is Mapping:
        item = _decoder(arguments[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    if origin is UnionType:
        some = _decoder(arguments[0])
        return lambda value: None if value is None else some(value)
    if isinstance(hint, type) and is_dataclass(hint):
        types = get_type_hints(hint)
        plan = {each.name: _decoder(types[each.name]) for each in stored_fields(hint)}
        if len(plan) == 1:
            [(only, decode_only)] = plan.items()
            return lambda value: hint(**{only: decode_only(value)})
        return lambda values: hint(**{name: plan[name](value) for name, value in values.items()})
    if isinstance(hint, type) and issubclass(hint, int | str | float):
        base = next(each for each in (bool, int, float, str) if issubclass(hint, each))
        return partial(_leaf, hint, base)
    msg = f"{hint!r} cannot be read from JSON"
    raise TypeError(msg)


def _list(values: Any) -> list[Any]:
    if type(values) is not list:  # text can be gone through as well
        msg = f"{values!r} is not a list"
        raise TypeError(msg)
    return values


def _leaf(kind: type[_Leaf], base: type[_Leaf], value: _Leaf) -> _Leaf:
    # Other programs write 2.0 as 2.
    if type(value) is not base and not (base is float and type(value) is int):
        msg = f"{value!r} is not {base.__name__}"
        raise TypeError(msg)
    return kind(value)


def _default(field: Field[Any]) -> object:
    """What a field holds unless told; nothing is equal to `MISSING`."""
    return field.default if field.default_factory is MISSING else field.default_factory()
