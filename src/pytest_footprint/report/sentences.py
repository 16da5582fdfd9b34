"""Changes of orders, of what is saved and of the structure, one line each."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_footprint.model.comparison import Comparison, OrderChange, Signal, TextChange
from pytest_footprint.report.orders import came_or_went, order_lines, run_otherwise

_SAME_TENSORS = frozenset({"key renamed", "tied"})


def text_lines(comparison: Comparison) -> list[str]:
    """All of them: orders first."""
    return [*order_lines(_orders(comparison)), *_lines(_texts(comparison))]


def telling_line(comparison: Comparison) -> str:
    """The change that is most likely the cause of the others; ``""`` when there is none.

    Tensors that are new do not tell why they are; a module that is no longer recomputed does.
    """
    orders, texts = _orders(comparison), _texts(comparison)
    structure = [change for change in texts if change.signal is Signal.STRUCTURE]
    candidates = (
        *_lines(change for change in structure if change.subject in _SAME_TENSORS),
        *came_or_went(orders),
        *_lines(change for change in texts if change.signal is Signal.ORDER),
        *_lines(structure),
        *run_otherwise(orders),
    )
    return next(iter(candidates), "")


def _orders(comparison: Comparison) -> list[OrderChange]:
    return [change for change in comparison.changes if isinstance(change, OrderChange)]


def _texts(comparison: Comparison) -> list[TextChange]:
    return [change for change in comparison.changes if isinstance(change, TextChange)]


def _lines(changes: Iterable[TextChange]) -> Iterable[str]:
    return map(_line, changes)


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
