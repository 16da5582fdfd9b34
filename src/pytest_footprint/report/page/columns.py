"""Lifetimes as compact columns: some bytes a tensor, so that a page can hold all of them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence

from pytest_footprint.model.lifetimes import Lifetime, Lifetimes, Span

FORMAT = 2
"""Goes up when what is packed changes: courses outlive a run in pytest's cache."""
_BEFORE = 1
"""Moments count from 0, which is right before the first event."""


class _Table:
    """Values, each once, by their number."""

    def __init__(self) -> None:
        self.rows: dict[object, int] = {}

    def number(self, row: object) -> int:
        return self.rows.setdefault(row, len(self.rows))


def packed(lifetimes: Lifetimes) -> str:
    """One line of ASCII: zlib in base64, which every browser can undo; ``assets/course.js`` reads it."""
    text = json.dumps(columns(lifetimes), separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"))).decode("ascii")


def columns(lifetimes: Lifetimes) -> dict[str, object]:
    """What `packed` packs: equal strings and equal looks once, moments as steps from the one before."""
    zero = lifetimes.first - _BEFORE
    strings, looks = _Table(), _Table()
    tensors, spans = lifetimes.tensors, lifetimes.spans
    look = [looks.number(_look(each, strings)) for each in tensors]
    what = [strings.number(each.what) for each in spans]
    fqn = [strings.number(each.fqn) for each in spans]
    return {
        "last": lifetimes.last - 1 - zero,
        "look": look,
        "born": _steps(each.born - zero for each in tensors),
        "lasts": [each.freed - each.born for each in tensors],
        "bytes": [int(each.nbytes) for each in tensors],
        "spans": {
            "what": what,
            "fqn": fqn,
            "first": _steps(each.first - zero for each in spans),
            "lasts": _lasts(spans),
        },
        "marks": [[name, place - zero] for name, place in lifetimes.marks],
        "looks": list(looks.rows),
        "strings": list(strings.rows),
    }


def _look(tensor: Lifetime, strings: _Table) -> tuple[int, ...]:
    spec = f"{tensor.dtype}[{', '.join(map(str, tensor.shape))}]"
    words = (tensor.ref_type.value, tensor.fqn, tensor.op, spec, tensor.device, tensor.source or "")
    return tuple(map(strings.number, words))


def _steps(values: Iterable[int]) -> list[int]:
    found, last = [], 0
    for value in values:
        found.append(value - last)
        last = value
    return found


def _lasts(spans: Sequence[Span]) -> list[int]:
    return [each.last - each.first for each in spans]
