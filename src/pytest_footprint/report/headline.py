"""The line that says what happened and where: all that pytest's short summary shows."""

from __future__ import annotations

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.comparison import Comparison, OrderChange, Signal, SizeChange, TextChange
from pytest_footprint.report.cause import TOTAL, cause
from pytest_footprint.report.sentences import telling_line, text_lines
from pytest_footprint.report.words import kind, percent, signed


def headline(comparison: Comparison) -> str:
    """The largest change with its cause in short; the first line of a failure."""
    if comparison.sizes:
        return _of_sizes(comparison)
    first, rest = telling_line(comparison) or text_lines(comparison)[0], len(comparison.changes) - 1
    tail = f", and {rest} more" if rest else ""
    match comparison.changes[0]:
        case TextChange(signal=Signal.SAVED):
            return f"what is saved for backward is not what the baseline says: {first}{tail}"
        case OrderChange():
            return f"modules run in another order than in the baseline: {first}{tail}"
        case _:
            return f"the structure is not that of the baseline: {first}{tail}"


def _of_sizes(comparison: Comparison) -> str:
    found = cause(comparison)
    main = found.main
    verb = "is below" if improved(comparison) else "differs from"
    moved = f"{signed(main.difference)} ({percent(main.percent)})"
    said = f"memory {verb} its baseline: {main.device} {_subject(main)} {moved}"
    grows = [change for change in comparison.sizes if _is_leak(change) and change.device == main.device]
    if grows and main.signal is not Signal.GROWTH:
        said += f", {ByteSize(grows[0].after)} more with every step"
    why = telling_line(comparison) or ("a graph outlives its step" if comparison.graph_kept else found.brief)
    return f"{said}: {why}" if why else said


def details(comparison: Comparison) -> list[str]:
    """What is behind the headline of a comparison with sizes, one sentence a line."""
    found = cause(comparison)
    lines = [found.full]
    if found.dtypes and telling_line(comparison):  # or else the headline says it
        lines.append(found.dtypes)
    if kept := comparison.graph_kept:
        lines.append(
            f"{kept} of what is alive at the end was saved for backward: a graph outlives its step"
            " (retain_graph, or a loss or output that is kept and was not detached)"
        )
    return lines


def improved(comparison: Comparison) -> bool:
    """Whether all that changed is totals that went down; a type may go up in one that goes down."""
    if len(comparison.sizes) < len(comparison.changes):
        return False  # another order or structure is for a person to judge
    totals = [change for change in comparison.sizes if change.subject == TOTAL]
    return bool(totals) and all(change.difference < 0 for change in totals)


def _is_leak(change: SizeChange) -> bool:
    return change.signal is Signal.GROWTH and change.subject == TOTAL and change.after > max(0, change.before)


def _subject(change: SizeChange) -> str:
    signal = "growth per step" if change.signal is Signal.GROWTH else change.signal.value
    return signal if change.subject == TOTAL else f"{signal} of {subject_words(change)}"


def subject_words(change: SizeChange) -> str:
    """A reference type as words; the name of a module, which is the subject of what is saved, as it is."""
    return change.subject if change.signal is Signal.SAVED else kind(change.subject)
