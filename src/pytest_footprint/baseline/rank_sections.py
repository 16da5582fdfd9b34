"""Values of several ranks in one file: the common value in full, and behind it what other ranks have otherwise.

A file is written as sections: the lines under one ``[heading]``. Of a rank that differs only the sections are written
that do, as ``[rank.3.peak.cpu]``, so that the diff of a file shows which rank moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from pytest_footprint.baseline import toml
from pytest_footprint.model.rank_numbers import rank_numbers, ranks_said

RANK = "rank"
"""The table of ranks that differ."""
RANKS = "ranks"
"""The key that names all ranks."""
_NOT_COMPARED = "[provenance]"


def differing_sections(common: Iterable[str], other: Iterable[str], ranks: tuple[int, ...]) -> list[str]:
    """The lines of ``ranks``, given the lines of the common value and of theirs; none when they say the same."""
    before, after = _sections(common), _sections(other)
    table = f"{RANK}.{toml.key(rank_numbers(ranks))}"
    lines = []
    for heading in dict.fromkeys((*before, *after)):
        if heading != _NOT_COMPARED and before.get(heading) != after.get(heading):
            lines.append(f"\n[{table}.{heading[1:]}" if heading else f"\n[{table}]")
            lines += after.get(heading, ())
    said = ranks_said(ranks).capitalize()
    title = f"\n# {said}: what is not as above; a heading without lines takes away what stands under it above."
    return [title, *lines] if lines else []


def _sections(lines: Iterable[str]) -> dict[str, list[str]]:
    """Heading -> the lines under it; ``""`` for those before the first."""
    found: dict[str, list[str]] = {"": []}
    at = ""
    for line in (each for block in lines for each in block.strip("\n").split("\n")):
        if line.startswith("["):
            at = line
            found[at] = []
        elif not line.startswith("#"):
            found[at].append(line)
    return found


def with_rank(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The document of one rank: ``document`` with the sections of ``changes`` in place of its own."""
    whole = {name: deepcopy(value) for name, value in document.items() if name not in {RANK, RANKS}}
    for name, value in changes.items():
        if isinstance(value, dict):
            whole[name] = _replaced(whole.get(name), value)
        else:
            whole[name] = value
    return whole


def _replaced(table: object, changes: dict[str, Any]) -> dict[str, Any]:
    """``table`` with the lines of ``changes`` for its own, where there are any, and its tables replaced likewise."""
    before = table if isinstance(table, dict) else {}
    lines = {name: value for name, value in changes.items() if not isinstance(value, dict)}
    tables = {name: value for name, value in before.items() if isinstance(value, dict)}
    for name, inner in changes.items():
        if inner == {}:
            tables.pop(name, None)
        elif isinstance(inner, dict):
            tables[name] = _replaced(tables.get(name), inner)
    return {**(lines or {name: value for name, value in before.items() if not isinstance(value, dict)}), **tables}
