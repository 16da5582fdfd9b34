"""What reports of two runs show, whatever they look like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_footprint.model.comparison import SizeChange
from pytest_footprint.model.gate import GateFailure
from pytest_footprint.model.run import WHOLE_TEST, Outcome
from pytest_footprint.model.run_comparison import FootprintChange, OnlyOneSide, RunComparison
from pytest_footprint.report.cause import TOTAL, cause
from pytest_footprint.report.failure import difference_parts
from pytest_footprint.report.headline import change_line, change_subject, why
from pytest_footprint.report.words import percent, signed

SIDES = ("base", "head")
SORTS = ("change", "name")


@dataclass(frozen=True, slots=True)
class ChangedTest:
    """A test of which some footprints are others now, and the one that tells the most."""

    test: str
    main: FootprintChange
    others: tuple[FootprintChange, ...]

    @property
    def size(self) -> SizeChange | None:
        """The byte count to show; ``None`` where only orders or structures changed."""
        return cause(self.main.comparison).main if self.main.comparison.sizes else None

    @property
    def title(self) -> str:
        """Which footprint this is about: ``test_gpt.py::test_step, run``."""
        return footprint_title(self.test, self.main.name)

    @property
    def more(self) -> str:
        """``and 2 more of its footprints``."""
        count = len(self.others)
        return f"and {count} more of its footprints" if count > 1 else "and one more of its footprints" if count else ""

    def cells(self) -> tuple[str, str, str, str, str]:
        """What changed, base, head, difference, per cent."""
        size = self.size
        if size is None:
            return self.main.comparison.changes[0].signal.value, "", "", "", ""
        moved = (str(size.before), str(size.after), signed(size.difference), percent(size.percent))
        return (change_subject(size), *moved)

    def line(self) -> str:
        """What happened, with the cause."""
        return change_line(self.main.comparison)

    def why(self) -> str:
        """The cause alone."""
        return why(self.main.comparison)

    def parts(self, first: str, *, verbose: bool) -> list[str]:
        """All that differs, in paragraphs; versions are told once for all tests, so not here."""
        steps = {name: both for name, both in self.main.comparison.recorded.items() if name == "steps"}
        comparison = replace(self.main.comparison, recorded=steps)
        return difference_parts(comparison, first, verbose=verbose, sides=SIDES)


def changed_tests(comparison: RunComparison, sort: str) -> list[ChangedTest]:
    """One row a test: ``sort`` is ``change``, largest first, or ``name``."""
    by_test: dict[str, list[FootprintChange]] = {}
    for change in comparison.changes:
        by_test.setdefault(change.test, []).append(change)
    rows = [_row(test, changes) for test, changes in by_test.items()]
    return sorted(rows, key=lambda row: (-_weight(row.main), row.test) if sort == "change" else (0, row.test))


def _row(test: str, changes: Sequence[FootprintChange]) -> ChangedTest:
    # What a test measures on purpose tells more than the whole test around it.
    measured = [change for change in changes if change.name != WHOLE_TEST] or changes
    main = max(measured, key=_weight)
    return ChangedTest(test, main, tuple(change for change in changes if change is not main))


def _weight(change: FootprintChange) -> int:
    return abs(cause(change.comparison).main.difference) if change.comparison.sizes else 0


def footprint_title(test: str, name: str) -> str:
    """``test_gpt.py::test_step, run``; the whole test by its own name."""
    return test if name in {WHOLE_TEST, ""} else f"{test}, {name}"


def overview(comparison: RunComparison, rows: Sequence[ChangedTest]) -> str:
    """``2 of 14 tests changed: 1 takes more, 1 less; 1 appeared, 1 vanished``."""
    said = f"{len(rows) or 'none'} of {comparison.tests} test{'s' * (comparison.tests != 1)} changed"
    if not comparison.tests:
        said = "no test took a footprint in both runs"
    moved = [_direction(row) for row in rows]
    words = {1: "take{} more", -1: "take{} less", 0: "run{} otherwise"}
    counts = [(moved.count(sign), word) for sign, word in words.items()]
    if told := [f"{count} {word.format('s' * (count == 1))}" for count, word in counts if count]:
        said += f": {', '.join(told)}"
    ends = [(len(comparison.appeared), "appeared"), (len(comparison.vanished), "vanished")]
    tails = [f"{count} {word}" for count, word in ends if count]
    return f"{said}; {', '.join(tails)}" if tails else said


def _direction(row: ChangedTest) -> int:
    size = row.size
    if size is None or size.subject != TOTAL:
        return 0
    return 1 if size.difference > 0 else -1


def only_one_side(rows: Iterable[OnlyOneSide], other: str) -> list[str]:
    """Tests, or some of their footprints, that ``other`` lacks."""
    return [_only(row, other) for row in rows]


def _only(row: OnlyOneSide, other: str) -> str:
    if row.why:
        return f"{row.test}: {'takes none' if row.why == Outcome.PASSED else row.why} in {other}"
    return row.test if row.whole else f"{row.test}: {', '.join(row.names)}"


def notes(comparison: RunComparison) -> list[str]:
    """What a reader must know before trusting the numbers."""
    said = [f"{side} stopped before all of its tests ran, so some may be missing" for side in comparison.incomplete]
    if comparison.environment:
        told = ", ".join(
            f"{name} {was or 'none'} -> {now or 'none'}" for name, (was, now) in comparison.environment.items()
        )
        said.append(f"the runs come from different environments (base -> head): {told}")
    return said


def failure_lines(failures: Iterable[GateFailure]) -> list[str]:
    """One line for each place in which a gate does not hold."""
    return [f"{each.gate.text}: {footprint_title(each.test, each.footprint)}: {each.says}" for each in failures]
