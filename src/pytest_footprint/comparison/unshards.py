"""All-gathers of FSDP: which came, went, or moved, and how many modules were whole at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_footprint.model.comparison import Signal, TextChange
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.fqn import fold_alike
from pytest_footprint.model.unshard import BACKWARD, FORWARD, Unshard, unshards_in

AT_ONCE = "FSDP modules that are whole at once"


def unshard_changes(before: Footprint, after: Footprint) -> Iterator[TextChange]:
    """What each module's unshards became, that of most layers first; then how many were whole at once."""
    for order in (FORWARD, BACKWARD):
        yield from _in_order(order, before, after)
    if before.max_unsharded != after.max_unsharded:
        yield TextChange(Signal.ORDER, AT_ONCE, str(before.max_unsharded), str(after.max_unsharded))


def _in_order(order: str, before: Footprint, after: Footprint) -> Iterator[TextChange]:
    was, is_now = unshards_in(before.unsharded, order), unshards_in(after.unsharded, order)
    then, now = _when(was), _when(is_now)
    fates = [
        (fqn, (then.get(fqn, ""), now.get(fqn, ""))) for fqn in {**then, **now} if then.get(fqn, "") != now.get(fqn, "")
    ]
    for fqn, _, (when_before, when_after) in sorted(fold_alike(fates), key=lambda row: -row[1]):
        yield TextChange(Signal.ORDER, f"unshard of {fqn} in {order}", when_before, when_after)
    if not fates and was != is_now:
        at = next(at for at, (one, other) in enumerate(zip(was, is_now, strict=True)) if one != other)
        yield TextChange(Signal.ORDER, f"unshard number {at + 1} in {order}", was[at].fqn, is_now[at].fqn)


def _when(unshards: Iterable[Unshard]) -> dict[str, str]:
    """For each module its unshards in words: ``in its turn``, ``2 modules ahead, in its turn``."""
    found: dict[str, str] = {}
    for each in unshards:
        modules = "1 module" if each.ahead == 1 else f"{each.ahead} modules"
        when = f"prefetched {modules} ahead" if each.ahead else "in its turn"
        found[each.fqn] = f"{found[each.fqn]}, {when}" if each.fqn in found else when
    return found
