"""Tables of tensors: what grew, what is alive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Culprit, Signal
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.model.ref_type import BY_ROOT
from pytest_footprint.report.table import WIDTH, indented, table
from pytest_footprint.report.words import kind, more, signed, tensors

_IN = {Signal.PEAK: "peak", Signal.END: "end", Signal.GROWTH: "growth", Signal.SAVED: "saved"}


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


def culprit_rows(culprits: Iterable[Culprit]) -> list[TensorRow]:
    """One row for tensors that several signals show; in the order in which they are first shown."""
    seen: dict[tuple[object, ...], list[Culprit]] = {}
    for one in culprits:
        key = (one.fqn, one.op, one.shape, one.dtype, one.device, one.count, one.nbytes)
        seen.setdefault(key, []).append(one)
    ranked = sorted(seen.values(), key=lambda same: (same[0].nbytes <= 0, -abs(same[0].nbytes)))
    return [
        TensorRow(
            size=signed(same[0].nbytes),
            # What is saved is an activation to autograd, and may be called something else by the other signals.
            ref_type=kind(same[0].ref_type),
            fqn=same[0].fqn or "(no module)",
            tensors=tensors(same[0].count, same[0].dtype, same[0].shape),
            op=same[0].op,
            source=next((one.source for one in same if one.source), ""),
            seen=", ".join(dict.fromkeys(_IN[one.signal] for one in same)),
        )
        for same in ranked
    ]


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


def tensor_table(title: str, rows: Sequence[TensorRow], *, limit: int | None) -> str:
    """The rows under a title, which says what all rows have in common.

    Args:
        title: ``what grew``.
        rows: largest first.
        limit: how many rows to show, within `WIDTH` columns; all of them in full when ``None``.
    """
    columns = {
        "bytes": [row.size for row in rows],
        "type": [row.ref_type for row in rows],
        "module": [row.fqn for row in rows],
        "tensors": [row.tensors for row in rows],
        "operator": [row.op for row in rows],
        "line": [row.source for row in rows],
        "in": [row.seen for row in rows],
    }
    common = []
    for name, before in (("type", ""), ("in", "in ")):
        if len(set(columns[name])) == 1:
            common += [before + cell for cell in columns.pop(name)[:1] if cell]
    for name in ("operator", "line"):
        if not any(columns[name]):
            del columns[name]
    shown = list(zip(*columns.values(), strict=True))[:limit]
    text = table(
        list(columns), shown, right="bytes", elastic="module operator line", width=WIDTH - 2 if limit else None
    )
    heading = f"{title} ({', '.join(common)}):" if common else f"{title}:"
    lines = [heading, indented(text)]
    if len(shown) < len(rows):
        lines.append(f"  {more(len(rows) - len(shown))}")
    return "\n".join(lines)
