"""The line of a test in the list of all tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Signal, SizeChange
from pytest_footprint.model.run import WHOLE_TEST, CheckVerdict, Outcome, RecordedTest, TakenFootprint
from pytest_footprint.model.usage import Usage
from pytest_footprint.report.cause import TOTAL
from pytest_footprint.report.words import kind, percent, signed

FAILED = frozenset({Outcome.FAILED, Outcome.ERROR})
_BAD = frozenset({CheckVerdict.DIFFERS, CheckVerdict.MISSING, CheckVerdict.UNREADABLE, CheckVerdict.SHARED})


@dataclass(frozen=True, slots=True)
class TestRow:
    """What the list says of one test."""

    test: str
    outcome: Outcome
    headline: str
    """Why it failed, in one line; ``""`` when it did not."""
    failure: str
    """The same in full."""
    about_memory: bool
    """Whether a limit or a baseline failed it."""
    footprint: str
    """Name of the footprint that the numbers are of."""
    device: str
    peak: ByteSize | None
    parts: tuple[tuple[str, ByteSize], ...]
    """The peak by reference type."""
    change: ByteSize | None
    """Of the peak against its baseline; ``None`` where it is not compared."""
    percent: str
    limit: ByteSize | None
    limit_used: str

    @property
    def change_words(self) -> str:
        """``+1 MiB (+0.6 %)``."""
        return f"{signed(self.change)} ({self.percent})" if self.change else "as its baseline"

    @property
    def parts_words(self) -> str:
        """``parameters 48 MiB, activations 12 MiB``."""
        return ", ".join(f"{kind(name)} {nbytes}" for name, nbytes in self.parts)


def test_row(test: RecordedTest, failure: str) -> TestRow:
    """What the list says of ``test``; ``failure`` is why it failed, in full."""
    main = _main(test)
    device, usage = _highest(main)
    change = _peak_change(test, main, device)
    limit = max(test.limits, key=lambda each: (each.exceeded, each.peak / max(each.limit, 1)), default=None)
    bad = any(each.verdict in _BAD for each in test.checks) or any(each.exceeded for each in test.limits)
    return TestRow(
        test=test.test,
        outcome=test.outcome,
        headline=_headline(failure),
        failure=failure,
        about_memory=bad,
        footprint="" if main is None else main.name,
        device=device,
        peak=None if usage is None else usage.total,
        parts=() if usage is None else tuple((ref_type.value, nbytes) for ref_type, nbytes in usage.items()),
        change=change.difference if change else ByteSize(0) if _compared(test, main) else None,
        percent=percent(change.percent) if change else "",
        limit=None if limit is None else limit.limit,
        limit_used="" if limit is None else f"{100 * limit.peak / max(limit.limit, 1):.0f} % of {limit.limit}",
    )


def in_order(rows: Sequence[TestRow]) -> list[TestRow]:
    """What failed first, then what moved most, then what takes most."""
    return sorted(rows, key=lambda row: (row.outcome not in FAILED, -abs(row.change or 0), -(row.peak or 0), row.test))


def _headline(failure: str) -> str:
    first = next((line for line in failure.splitlines() if line.strip()), "")
    return first.removeprefix("AssertionError: ").removeprefix("assert ")


def _main(test: RecordedTest) -> TakenFootprint | None:
    """The footprint that was compared and differs, or was compared, or the whole test, or the first."""
    compared = [each.name for each in test.checks if each.kind == "footprint"]
    differs = [each.name for each in test.checks if each.kind == "footprint" and each.verdict in _BAD]
    by_name = {each.name: each for each in test.footprints}
    names = [*differs, *compared, WHOLE_TEST, *by_name]
    return next((by_name[name] for name in names if name in by_name), None)


def _highest(taken: TakenFootprint | None) -> tuple[str, Usage | None]:
    if taken is None or not taken.footprint.peak:
        return "", None
    peak = taken.footprint.peak
    device = max(peak, key=lambda each: peak[each].total)
    return device, peak[device]


def _compared(test: RecordedTest, main: TakenFootprint | None) -> bool:
    verdicts = {each.verdict for each in test.checks if main is not None and each.name == main.name}
    return bool(verdicts & {CheckVerdict.HOLDS, CheckVerdict.DIFFERS})


def _peak_change(test: RecordedTest, main: TakenFootprint | None, device: str) -> SizeChange | None:
    sizes = [size for each in test.checks if main is not None and each.name == main.name for size in each.sizes]
    mine = [size for size in sizes if size.device == device and size.signal is Signal.PEAK and size.subject == TOTAL]
    return mine[0] if mine else None
