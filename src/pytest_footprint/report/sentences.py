"""Changes of orders, of what is saved and of the structure, one line each."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_footprint.model.comparison import Comparison, ModulesShifted, OrderChange, Signal, TextChange
from pytest_footprint.report.orders import order_lines
from pytest_footprint.report.words import are

_SAME_TENSORS = frozenset({"key renamed", "tied"})


def text_lines(comparison: Comparison) -> list[str]:
    """All of them: orders first."""
    orders = order_lines(order_changes(comparison))
    return [*orders, *sentences(text_changes(comparison)), *shifted_lines(comparison)]


def shifted_lines(comparison: Comparison) -> list[str]:
    """Modules that only have another number."""
    return [_shifted(change) for change in comparison.changes if isinstance(change, ModulesShifted)]


def order_changes(comparison: Comparison) -> list[OrderChange]:
    """Call orders that are others now."""
    return [change for change in comparison.changes if isinstance(change, OrderChange)]


def text_changes(comparison: Comparison) -> list[TextChange]:
    """What is saved, gathered or built otherwise."""
    return [change for change in comparison.changes if isinstance(change, TextChange)]


def same_tensors(change: TextChange) -> bool:
    """Whether it tells of tensors that are the same, under other names or tied otherwise."""
    return change.subject in _SAME_TENSORS


def sentences(changes: Iterable[TextChange]) -> Iterable[str]:
    """One each."""
    return map(_line, changes)


def _shifted(change: ModulesShifted) -> str:
    which = [(change.new, "new"), (change.gone, "gone")]
    if change.one_of:
        came = [f"one of {names} is {word}" for names, word in which if names]
    else:
        came = [f"{names} {are(names)} {word}" for names, word in which if names]
    modules = "1 module" if change.modules == 1 else f"{change.modules} modules"
    moved = f"{modules} after it moved by {abs(change.by)}"
    return f"{' and '.join(came)}; {moved}: {change.before} -> {change.after}"


def _line(change: TextChange) -> str:
    if change.signal is Signal.SAVED:
        was, is_now = (text.replace(" from aten.", " from ") or "less" for text in (change.before, change.after))
        return f"{change.subject} saves {is_now}, not {was}"
    if change.signal is Signal.ORDER and not (change.before and change.after):
        return f"{change.subject} is new: {change.after}" if change.after else f"no {change.subject} any more"
    if change.subject == "tied":
        if change.before and change.after:
            return f"tied otherwise: {change.before} -> {change.after}"
        return f"now tied: {change.after}" if change.after else f"no longer tied: {change.before}"
    if not (change.before and change.after):
        return f"{change.subject} is " + (f"new: {change.after}" if change.after else f"gone: it was {change.before}")
    return f"{change.subject}: {change.before} -> {change.after}"
