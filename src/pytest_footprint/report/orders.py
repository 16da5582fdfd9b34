"""Changes of call orders as short sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.comparison import Order, OrderChange, OrderEdit
from pytest_footprint.report.words import times

_PHASES = {Order.FORWARD: "forward", Order.BACKWARD: "backward", Order.RECOMPUTED: "recomputation"}


def order_lines(changes: Iterable[OrderChange]) -> Iterator[str]:
    """What happened to which module, then for each order where it first differs."""
    changes = list(changes)
    fates: dict[OrderEdit, list[Order]] = {}
    for change in changes:
        for edit in change.edits:
            fates.setdefault(edit, []).append(change.order)
    for edit, orders in fates.items():
        yield _sentence(edit, orders)
    for change in changes:
        was, is_now = change.before or "nothing", change.after or "nothing"
        yield f"{change.order.value} order: the first call that differs is number {change.position}, {was} -> {is_now}"


def _sentence(edit: OrderEdit, orders: list[Order]) -> str:
    many = edit.fqn.count("{") > edit.fqn.count("\\{")
    is_, runs = ("are", "run") if many else ("is", "runs")
    where = " and ".join(_PHASES[order] for order in orders)
    size = f" ({edit.modules} modules)" if edit.modules > 1 else ""
    if edit.before == edit.after:
        if not (edit.place_before or edit.place_after):
            return f"{edit.fqn} moved in {where}{size}"
        was, is_now = _place(edit.place_before), _place(edit.place_after)
        return f"{edit.fqn} moved in {where}{size}: it ran {was}, now {is_now}"
    if edit.before and edit.after:
        each = " each" if many else ""
        return f"{edit.fqn} {runs} {times(edit.after)}{each} in {where}{size}, not {times(edit.before)}"
    word = "no longer" if edit.before else "now"
    if orders == [Order.RECOMPUTED]:
        return f"{edit.fqn} {is_} {word} recomputed{size}"
    return f"{edit.fqn} {word} {runs} in {where}{size}"


def _place(previous: str) -> str:
    return f"after {previous}" if previous else "first"
