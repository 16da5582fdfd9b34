"""What differs between two runs, as a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_footprint.model.gate import Gate, GateFailure
from pytest_footprint.model.run_comparison import RunComparison
from pytest_footprint.report.markdown import cell_code, code, code_block, details, escaped, row
from pytest_footprint.report.run_rows import (
    SIDES,
    ChangedTest,
    changed_tests,
    failure_lines,
    notes,
    only_one_side,
    overview,
)

MOST = 65_536
"""Letters that GitHub takes for a comment."""

_RESERVE = 500
"""For the sentence that tells what was left out."""
_NAMES = 20


def run_comparison_markdown(
    comparison: RunComparison,
    *,
    gates: Sequence[Gate] = (),
    failures: Sequence[GateFailure] = (),
    sort: str = "change",
) -> str:
    """Gates, a table of what changed with the cause of each test, what appeared and vanished, and folded details.

    It is below `MOST` bytes: rows that do not fit are counted, details go first.
    """
    rows = changed_tests(comparison, sort)
    room = _Room(MOST - _RESERVE)
    room.add(f"### Memory: {escaped(overview(comparison, rows))}")
    room.add(_gates(gates, failures))
    table = ["| test | what | base | head | difference | cause |", "|---|---|--:|--:|--:|---|"]
    lines = [_row(each) for each in rows]
    fitting = room.fitting(lines, share=0.5)
    if fitting:
        room.add("\n".join(table + fitting))
    for title, names in (
        ("Appeared, no footprint in base", only_one_side(comparison.appeared, SIDES[0])),
        ("Vanished, no footprint in head", only_one_side(comparison.vanished, SIDES[1])),
    ):
        room.add(_names(title, names))
    room.add("\n".join(f"> {escaped(note)}  " for note in notes(comparison)))
    unfolded = [_details(each) for each in rows]
    shown = room.fitting(unfolded, share=1.0)
    for each in shown:
        room.add(each)
    left = []
    if len(fitting) < len(lines):
        left.append(f"{len(lines) - len(fitting)} more rows")
    if len(shown) < len(unfolded):
        left.append(f"the details of {len(unfolded) - len(shown)} tests")
    if left:
        said = " and ".join(left)
        room.parts.append(f"{said} do not fit here: `pytest-footprint compare base.json head.json -v` shows all")
    return "\n\n".join(room.parts) + "\n"


class _Room:
    """Parts of a text that may only become so long, in bytes of UTF-8: that is never less than letters."""

    def __init__(self, most: int) -> None:
        self.parts: list[str] = []
        self._left = most

    def add(self, part: str) -> None:
        """Append a part, if it fits and says anything."""
        cost = _cost(part)
        if part and cost <= self._left:
            self.parts.append(part)
            self._left -= cost

    def fitting(self, parts: Iterable[str], *, share: float) -> list[str]:
        """As many of the first ``parts`` as fit into a share of what is left."""
        left, found = self._left * share, []
        for part in parts:
            left -= _cost(part)
            if left < 0:
                break
            found.append(part)
        return found


def _cost(part: str) -> int:
    return len(part.encode("utf-8", "surrogatepass")) + 2


def _row(changed: ChangedTest) -> str:
    what, before, after, difference, share = changed.cells()
    moved = f"{difference} ({share})" if difference else ""
    test = " ".join(filter(None, [cell_code(changed.title), escaped(changed.more)]))
    return row(test, escaped(what), before, after, escaped(moved), escaped(changed.why()))


def _details(changed: ChangedTest) -> str:
    return details(changed.title, code_block("\n\n".join(changed.parts(changed.line(), verbose=False))))


def _gates(gates: Sequence[Gate], failures: Sequence[GateFailure]) -> str:
    if failures:
        return _names(f"Failed {len({each.gate for each in failures})} of {len(gates)} gates", failure_lines(failures))
    return f"All gates hold: {', '.join(code(gate.text) for gate in gates)}" if gates else ""


def _names(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = [f"- {code(name)}" for name in names[:_NAMES]]
    if len(names) > _NAMES:
        shown.append(f"- and {len(names) - _NAMES} more")
    return "\n".join([f"**{title}:**", "", *shown])
