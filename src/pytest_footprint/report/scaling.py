"""How memory grows with n, as a table and the law it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.figure import Figure
from pytest_footprint.model.law import Law, fitted
from pytest_footprint.model.live_group import LiveGroup
from pytest_footprint.report.table import table
from pytest_footprint.report.words import percent, signed

_ROWS = 4
_MOVES = "(a peak may be at another moment for small n: try larger ones, or a tolerance)"


@dataclass(frozen=True, slots=True)
class OffLaw:
    """A number that does not grow as it should."""

    figure: Figure
    device: str
    law: Law
    points: Mapping[int, int]
    """By n, rising: bytes."""
    worst: int
    """The n whose point is farthest off."""
    tensors: Sequence[LiveGroup]
    """What is behind it, with the bytes by which it is off there, farthest first."""


def off_law_text(found: OffLaw) -> str:
    """Which point is off the law, all of them, the law that they follow, and the tensors that do not."""
    points, worst = found.points, found.worst
    curve = found.law.through_first_two(points)
    off = points[worst] - curve[worst]
    share = f", {percent(float(100 * off / curve[worst]))}" if curve[worst] > 0 else ""
    pace = f"{'faster' if off > 0 else 'slower'} than {_words(found.law)} growth of {found.figure.words}"
    differs = f"{ByteSize(points[worst])} at n={worst}, not {_size(curve[worst])} ({signed(round(off))}{share})"
    lines = [
        f"{pace} ({found.device}): {differs}\n",
        _table(found.figure, points, curve),
        f"fitted: {fitted(points)}",
    ]
    if found.figure.moment == "peak":
        lines.append(_MOVES)
    shown = [group for group in found.tensors if (group.nbytes > 0) == (off > 0)]
    if shown:
        lines.append(f"\n{'more' if off > 0 else 'less'} than {_words(found.law)} at n={worst}:")
        lines += [f"  {signed(group.nbytes)} {group}" for group in shown[:_ROWS]]
    return "\n".join(lines)


def no_bytes_text(figure: Figure, device: str, points: Mapping[int, int]) -> str:
    """All sizes are 0: they follow every law, so holding them to one says nothing."""
    ns = ", ".join(map(str, points))
    return f'{figure.words} is 0 B on {device} for n={ns}: no law can be held; name another number, as in of="peak"'


def scaling_text(device: str, by_figure: Mapping[Figure, Mapping[int, int]]) -> str:
    """All numbers by n, and the law that each follows."""
    ns = list(next(iter(by_figure.values())))
    headers = ("n", *(str(figure) for figure in by_figure))
    rows = [(str(n), *(str(ByteSize(points[n])) for points in by_figure.values())) for n in ns]
    laws = [f"{figure} ({device}): {fitted(points)}" for figure, points in by_figure.items()]
    return "\n".join([table(headers, rows, right=" ".join(headers)), *laws])


def _table(figure: Figure, points: Mapping[int, int], curve: Mapping[int, Fraction]) -> str:
    rows = [
        (str(n), str(ByteSize(nbytes)), _size(curve[n]), signed(round(nbytes - curve[n])) if nbytes != curve[n] else "")
        for n, nbytes in points.items()
    ]
    return table(("n", str(figure), "allowed", "difference"), rows, right=f"n {figure} allowed difference")


def _words(law: Law) -> str:
    return {"n": "linear", "1": "constant"}.get(law.text, law.text)


def _size(nbytes: Fraction) -> str:
    return str(ByteSize(round(nbytes)))
