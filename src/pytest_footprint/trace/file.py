"""Trace files: a recording as bytes and back, without torch.

A trace file is a zip archive, so that what is damaged is noticed (each member has its checksum, and the table of
members comes last), and any tool can look inside. Member ``trace.json`` says what wrote it and holds all that is text;
each column of integers is a member of its own, signed and little-endian on every machine.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
import zlib
from array import array
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pytest_footprint.model.codec import from_plain, read_json, to_plain
from pytest_footprint.model.structure import Structure
from pytest_footprint.trace.moment import Moment, columns, names
from pytest_footprint.trace.recorded import Recorded, Take
from pytest_footprint.trace.sense import problem_with
from pytest_footprint.trace.trace import Trace
from pytest_footprint.trace.window import Window

FORMAT = 1
"""Goes up when an older reader could not read what is written; more columns or entries of the head do not matter."""

KIND = "pytest-footprint trace"
_HEAD = "trace.json"
_WHEN = (1980, 1, 1, 0, 0, 0)
_LEVEL = 3
"""Of zlib: a higher one takes three times as long for a few per cent."""


class TraceFileError(ValueError):
    """It is no trace file that this version can read; the message says why."""


def to_bytes(recorded: Recorded) -> bytes:
    """The file of a recording; the same recording gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as file:
        file.writestr(_member(_HEAD), json.dumps(_head(recorded), separators=(",", ":")))
        for name, column in columns(recorded.trace).items():
            if isinstance(column, array):
                file.writestr(_member(name), _little_endian(column).tobytes())
    return out.getvalue()


def from_bytes(data: bytes) -> Recorded:
    """Read what `to_bytes` wrote.

    Raises:
        TraceFileError: it is damaged, something else, or of a version that this one cannot read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            head = _read_head(file)
            trace = _read_trace(file, head)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as problem:
        msg = f"it is damaged or cut off, or no trace file: {str(problem) or type(problem).__name__}"
        raise TraceFileError(msg) from None
    try:
        recorded = _recorded(head, trace)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
        raise TraceFileError(_nonsense(head, f"{type(problem).__name__}: {problem}")) from None
    if problem_found := problem_with(recorded):
        raise TraceFileError(_nonsense(head, problem_found))
    return recorded


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _little_endian(column: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return column
    swapped = column[:]
    swapped.byteswap()
    return swapped


def _head(recorded: Recorded) -> dict[str, Any]:
    trace = recorded.trace
    structures = list(dict.fromkeys(take.structure for take in recorded.takes))
    every = columns(trace).items()
    return {
        "kind": KIND,
        "format": FORMAT,
        "written_by": version("pytest-footprint"),
        "byte_order": "little",
        "test": recorded.test,
        "outcome": recorded.outcome,
        "about": dict(recorded.about or {}),
        "columns": {name: {"type": _type(column), "rows": len(column)} for name, column in every if _is_array(column)},
        "texts": {name: column for name, column in every if not _is_array(column)},
        "names": {name: table.keys for name, table in names(trace).items()},
        "layouts": [[list(shape), dtype] for shape, dtype in trace.layouts.keys],
        "structures": [to_plain(each) for each in structures],
        "takes": [_take(take, trace, structures) for take in recorded.takes],
    }


def _is_array(column: object) -> bool:
    return isinstance(column, array)


def _type(column: object) -> str:
    assert isinstance(column, array)  # noqa: S101 - the caller has asked
    return f"int{8 * column.itemsize}"


def _take(take: Take, trace: Trace, structures: list[Structure]) -> dict[str, Any]:
    then = take.moment
    was = zip(then.module_parent, then.module_attribute, trace.module_parent, trace.module_attribute, strict=False)
    return {
        "name": take.name,
        "window": to_plain(then.window),
        "judged": then.judged,
        "rows": dict(then.rows),
        # Few modules get another place in the model after they ran: only these are told apart.
        "moved": {
            str(row): [parent, attribute]
            for row, (parent, attribute, *now) in enumerate(was)
            if [parent, attribute] != now
        },
        "structure": structures.index(take.structure),
        "environment": dict(take.environment),
    }


def _read_head(file: zipfile.ZipFile) -> dict[str, Any]:
    try:
        head = read_json(file.read(_HEAD).decode("utf-8"))
    except (KeyError, ValueError):
        head = None
    if not isinstance(head, dict) or head.get("kind") != KIND or not isinstance(head.get("format"), int):
        msg = f"it is a zip archive, but not a trace: it has no {_HEAD} that says so"
        raise TraceFileError(msg)
    if head["format"] != FORMAT:
        todo = "upgrade pytest-footprint" if head["format"] > FORMAT else "read it with that version"
        msg = f"{_writer(head)} wrote it in format {head['format']}, and this version reads {FORMAT}: {todo}"
        raise TraceFileError(msg)
    return head


def _writer(head: Mapping[str, Any]) -> str:
    return f"pytest-footprint {head.get('written_by', 'of an unknown version')}"


def _nonsense(head: Mapping[str, Any], problem: str) -> str:
    return f"{_writer(head)} wrote it, and it makes no sense: {problem}"


def _read_trace(file: zipfile.ZipFile, head: Mapping[str, Any]) -> Trace:
    trace, present = Trace(), set(file.namelist())
    try:
        said = {name: (each["type"], each["rows"]) for name, each in head["columns"].items()}
    except (KeyError, TypeError, AttributeError):
        raise TraceFileError(_nonsense(head, "it does not say which columns it has")) from None
    for name, column in columns(trace).items():
        if not isinstance(column, array):
            continue
        if name not in present or name not in said:
            msg = f"{_writer(head)} wrote it without the column {name!r}, which this version needs: read it with that"
            raise TraceFileError(msg)
        kind, rows = said[name]
        if kind != _type(column) or file.getinfo(name).file_size != rows * column.itemsize:
            what = f"column {name!r} is not {rows} x {_type(column)}"
            raise TraceFileError(_nonsense(head, what))
        column.frombytes(file.read(name))
        if sys.byteorder != "little":
            column.byteswap()
    return trace


def _recorded(head: Mapping[str, Any], trace: Trace) -> Recorded:
    for name, column in columns(trace).items():
        if isinstance(column, list):
            column.extend(map(_text, head["texts"][name]))
    for name, table in names(trace).items():
        for key in head["names"][name]:
            table.number(_text(key))
    for shape, dtype in head["layouts"]:
        trace.layouts.number((tuple(map(_number, shape)), _text(dtype)))
    structures = [from_plain(Structure, each) for each in head["structures"]]
    return Recorded(
        trace,
        tuple(_read_take(each, trace, structures) for each in head["takes"]),
        _text(head["test"]),
        _text(head["outcome"]),
        {_text(name): _text(value) for name, value in head["about"].items()},
    )


def _read_take(plain: Mapping[str, Any], trace: Trace, structures: list[Structure]) -> Take:
    rows = {name: _number(plain["rows"][name]) for name in columns(trace)}
    parents = list(trace.module_parent[: rows["module_parent"]])
    attributes = trace.module_attribute[: rows["module_attribute"]]
    for row, (parent, attribute) in plain["moved"].items():
        parents[int(row)], attributes[int(row)] = _number(parent), _text(attribute)
    judged = plain["judged"]
    return Take(
        _text(plain["name"]),
        Moment(
            from_plain(Window, plain["window"]),
            None if judged is None else _number(judged),
            rows,
            tuple(parents),
            tuple(attributes),
        ),
        structures[_number(plain["structure"])],
        {_text(name): _text(value) for name, value in plain["environment"].items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = f"{value!r} is not text"
        raise TypeError(msg)
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        msg = f"{value!r} is not a whole number"
        raise TypeError(msg)
    return value
