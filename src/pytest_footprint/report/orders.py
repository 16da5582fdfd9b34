"""Changes of call orders as short sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.comparison import Order, OrderChange, OrderEdit
from pytest_footprint.model.fqn import INDEX, unfold
from pytest_footprint.report.words import are, times

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


def moved(changes: Iterable[OrderChange]) -> Iterator[str]:
    """Modules that run at another place, in short."""
    for edit, orders in _fates(changes).items():
        if edit.before == edit.after:
            yield _moved(edit, orders)


def recounted(changes: Iterable[OrderChange]) -> Iterator[str]:
    """Modules that run another number of times, but those that only backward visits more often.

    Backward does so where a graph reaches into that of an earlier step: an effect, whatever the cause.
    """
    for edit, orders in _fates(changes).items():
        if edit.before and edit.after and edit.before != edit.after and orders != [Order.BACKWARD]:
            yield _sentence(edit, orders)


def _fates(changes: Iterable[OrderChange]) -> dict[OrderEdit, list[Order]]:
    fates: dict[OrderEdit, list[Order]] = {}
    for change in changes:
        for edit in change.edits:
            fates.setdefault(edit, []).append(change.order)
    return fates


def _sentence(edit: OrderEdit, orders: list[Order]) -> str:
    is_, runs = are(edit.fqn), _run(edit.fqn)
    many = is_ == "are"
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


def _moved(edit: OrderEdit, orders: list[Order]) -> str:
    """``GPT.blocks.{0..3}.norm2 now run first, not after attn.out``: names as seen from the module around."""
    first = unfold(edit.fqn)[0]
    around = f"{first.rpartition('.')[0]}."
    was, is_now = (_seen_from(around, place) for place in (edit.place_before, edit.place_after))
    if was == is_now:
        return f"{edit.fqn} moved in {_PHASES[orders[0]]}"
    return f"{edit.fqn} now {_run(edit.fqn)} {is_now}, not {was}, in {_PHASES[orders[0]]}"


def _run(fqn: str) -> str:
    return "run" if are(fqn) == "are" else "runs"


def _seen_from(around: str, place: str) -> str:
    inside = place.removeprefix(around)
    name = place if INDEX.match(inside) else inside
    return f"after {name}" if place and around != f"{place}." else "first"


def _place(previous: str, fqn: str) -> str:
    if fqn.startswith(f"{previous}."):
        return f"first in {previous}"
    return f"after {previous}" if previous else "first"
