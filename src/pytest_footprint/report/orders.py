"""Changes of call orders as short sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.comparison import Order, OrderChange, OrderEdit
from pytest_footprint.model.fqn import unfold
from pytest_footprint.report.words import times

_PHASES = {Order.FORWARD: "forward", Order.BACKWARD: "backward", Order.RECOMPUTED: "recomputation"}


def order_lines(changes: Iterable[OrderChange]) -> Iterator[str]:
    """What happened to which module, then for each order where it first differs."""
    changes = list(changes)
    for edit, orders in _fates(changes).items():
        yield _sentence(edit, orders)
    for change in changes:
        was, is_now = change.before or "nothing", change.after or "nothing"
        yield f"{change.order.value} order: the first call that differs is number {change.position}, {was} -> {is_now}"


def came_or_went(changes: Iterable[OrderChange]) -> Iterator[str]:
    """Modules that run now and did not, or the other way round."""
    for edit, orders in _fates(changes).items():
        if not (edit.before and edit.after):
            yield _sentence(edit, orders)


def run_otherwise(changes: Iterable[OrderChange]) -> Iterator[str]:
    """Modules that moved or run another number of times, but those that only backward visits more often.

    Backward does so where a graph reaches into that of an earlier step: an effect, whatever the cause.
    """
    for edit, orders in _fates(changes).items():
        if edit.before and edit.after and (edit.before == edit.after or orders != [Order.BACKWARD]):
            yield _sentence(edit, orders)


def _fates(changes: Iterable[OrderChange]) -> dict[OrderEdit, list[Order]]:
    fates: dict[OrderEdit, list[Order]] = {}
    for change in changes:
        for edit in change.edits:
            fates.setdefault(edit, []).append(change.order)
    return fates


def _sentence(edit: OrderEdit, orders: list[Order]) -> str:
    many = edit.fqn.count("{") > edit.fqn.count("\\{")
    is_, runs = ("are", "run") if many else ("is", "runs")
    *others, last = [_PHASES[order] for order in orders]
    where = f"{', '.join(others)} and {last}" if others else last
    size = f" ({edit.modules} modules)" if edit.modules > 1 else ""
    if edit.before == edit.after:
        if edit.place_before == edit.place_after:
            return f"{edit.fqn} moved in {where}{size}"
        first = unfold(edit.fqn)[0]
        it = first if many else "it"
        was, is_now = _place(edit.place_before, first), _place(edit.place_after, first)
        return f"{edit.fqn} moved in {where}{size}: {it} ran {was}, now {is_now}"
    if edit.before and edit.after:
        each = " each" if many else ""
        return f"{edit.fqn} {runs} {times(edit.after)}{each} in {where}{size}, not {times(edit.before)}"
    word = "no longer" if edit.before else "now"
    if orders == [Order.RECOMPUTED]:
        return f"{edit.fqn} {is_} {word} recomputed{size}"
    return f"{edit.fqn} {word} {runs} in {where}{size}"


def _place(previous: str, fqn: str) -> str:
    if fqn.startswith(f"{previous}."):
        return f"first in {previous}"
    return f"after {previous}" if previous else "first"
