"""Tables of tensors: what grew, what is alive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, Signal
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import BY_ROOT
from pytest_footprint.report.table import WIDTH, beginning, ending, indented, table
from pytest_footprint.report.words import VERBOSE, kind, looked, more, signed, tensors

_IN = {Signal.PEAK: "peak", Signal.END: "end", Signal.GROWTH: "growth", Signal.SAVED: "saved"}
_LONG = 20
_ELASTIC = {"module": ending, "operator": beginning, "made at": ending}
_LAYERS = re.compile(r"\{[\d.,]+\}|\b\d+\b")


@dataclass(frozen=True, slots=True)
class TensorRow:
    """One line of a table of tensors."""

    size: str
    ref_type: str
    fqn: str
    tensors: str
    op: str
    source: str
    seen: str = ""
    """The signals that show them."""


def culprit_rows(culprits: Iterable[Culprit], *, brief: bool) -> list[TensorRow]:
    """One row for tensors that several signals show: what grew first, then what shrank, by bytes.

    Args:
        culprits: of all signals.
        brief: take tensors that look alike for the same when signals show another number of them, and tell the most.
    """
    rows: list[list[Culprit]] = []
    for one in culprits:
        same = next((row for row in rows if _same(row, one) or (brief and _alike(row, one))), None)
        if same is None:
            rows.append([one])
        else:
            same.append(one)
    found = sorted(map(_row, rows), key=lambda pair: (pair[0] <= 0, -abs(pair[0])))
    return [row for _, row in found]


def _row(same: Sequence[Culprit]) -> tuple[int, TensorRow]:
    most = max(same, key=lambda one: abs(one.nbytes))
    row = TensorRow(
        size=signed(most.nbytes),
        ref_type=kind(most.ref_type),
        fqn=most.fqn or "(no module)",
        tensors=tensors(most.count, most.dtype, most.shape) + looked(most),
        op=most.op,
        source=next((one.source for one in same if one.source), ""),
        seen=", ".join(_IN[one.signal] for one in same),
    )
    return most.nbytes, row


def _same(row: Sequence[Culprit], one: Culprit) -> bool:
    """Whether both are the same tensors, seen by another signal.

    What is saved goes by the module that needs it, and by the shape in which that module sees it.
    """
    first = row[0]
    if one.signal in {other.signal for other in row}:
        return False
    if _made(first) != _made(one):
        return False
    return one.signal is Signal.SAVED or (first.fqn, first.shape) == (one.fqn, one.shape)


def _made(one: Culprit) -> tuple[object, ...]:
    return one.op, one.dtype, one.was, one.device, one.nbytes


def _alike(row: Sequence[Culprit], one: Culprit) -> bool:
    """Whether both are tensors of the same modules, of more or fewer of the repeated layers."""
    first = row[0]
    return one.signal not in {other.signal for other in row} and _looks(first) == _looks(one)


def _looks(one: Culprit) -> tuple[object, ...]:
    module = _LAYERS.sub("*", one.fqn)
    return one.nbytes > 0, one.ref_type, module, one.op, one.shape, one.dtype, one.was, one.was_shape, one.device


def live_rows(groups: Iterable[LiveGroup]) -> list[TensorRow]:
    """Groups of repeated layers as one row, the largest first; those `summed_up` without a shape."""
    found = [
        (
            group.fqn,
            (group.nbytes, group.ref_type, group.count, group.dtype, group.shape, group.op, group.source or ""),
        )
        for group in groups
    ]
    rows = []
    for fqn, members, (nbytes, ref_type, count, dtype, shape, op, source) in fold_alike(dict.fromkeys(found)):
        known = shape if shape or op or ref_type not in BY_ROOT else None
        spec = tensors(count * members, dtype, known)
        row = TensorRow(str(ByteSize(nbytes * members)), kind(ref_type), fqn or "(no module)", spec, op, source)
        rows.append((nbytes * members, row))
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def _modules(fqns: list[str]) -> list[str]:
    """Without the name of the root where all have the same: the columns beside need the room."""
    inside = [fqn for fqn in fqns if "." in fqn]
    roots = {fqn.partition(".")[0] for fqn in inside}
    if len(roots) != 1 or max(map(len, inside)) < _LONG:
        return fqns
    return [fqn.partition(".")[2] or fqn for fqn in fqns]


def tensor_table(title: str, rows: Sequence[TensorRow], *, limit: int | None, hint: str = VERBOSE) -> str:
    """The rows under a title.

    Args:
        title: ``what grew``; what all rows that are shown have in common is added.
        rows: largest first.
        limit: how many rows to show, within `WIDTH` columns; all of them in full when ``None``.
        hint: how to see what is left out.
    """
    shown = rows[:limit]
    columns = {
        "bytes": [row.size for row in shown],
        "type": [row.ref_type for row in shown],
        "module": _modules([row.fqn for row in shown]) if limit else [row.fqn for row in shown],
        "tensors": [row.tensors for row in shown],
        # Most operators are aten's: in a table that must fit, the name alone is what tells.
        "operator": [row.op.removeprefix("aten.") if limit else row.op for row in shown],
        "made at": [row.source for row in shown],
        "in": [row.seen for row in shown],
    }
    common = []
    for name, before in (("type", ""), ("in", "in ")):
        if len(set(columns[name])) == 1:
            common += [before + cell for cell in columns.pop(name)[:1] if cell]
    if limit and "type" in columns:
        columns.pop("in", None)  # both would leave no room for names
    for name in ("operator", "made at"):
        if not any(columns[name]):
            del columns[name]
    cells = list(zip(*columns.values(), strict=True))
    width = WIDTH - 2 if limit else None
    text = table(list(columns), cells, right="bytes", elastic=_ELASTIC, width=width)
    heading = f"{title} ({', '.join(common)}):" if common else f"{title}:"
    lines = [heading, indented(text)]
    if len(shown) < len(rows):
        lines.append(f"  {more(len(rows) - len(shown), hint)}")
    return "\n".join(lines)
