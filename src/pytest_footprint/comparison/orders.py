"""Call orders: where they first differ, and what happened to which module."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from pytest_footprint.model.comparison import Order, OrderChange, OrderEdit
from pytest_footprint.model.fqn import fold_alike, unfold

Fate = TypeVar("Fate", bound=tuple[int, ...])


def order_changes(order: Order, before: Sequence[str], after: Sequence[str]) -> Iterator[OrderChange]:
    """One change, or none when the orders are the same."""
    if before == after:
        return
    shorter = min(len(before), len(after))
    at = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    yield OrderChange(
        order,
        at + 1,
        before[at] if at < len(before) else "",
        after[at] if at < len(after) else "",
        (*_recounted(before, after), *_moved(before, after)),
    )


def _recounted(before: Sequence[str], after: Sequence[str]) -> list[OrderEdit]:
    then, now = Counter(before), Counter(after)
    fates = {fqn: (then[fqn], now[fqn]) for fqn in dict.fromkeys((*before, *after)) if then[fqn] != now[fqn]}
    edits = [
        OrderEdit(fqn, members * modules, was, is_now)
        for fqn, members, (modules, (was, is_now)) in fold_alike(_outermost(fates))
    ]
    return sorted(edits, key=lambda edit: bool(edit.before and edit.after))


def _outermost(fates: Mapping[str, Fate]) -> Iterable[tuple[str, tuple[int, Fate]]]:
    """Modules that are not inside one with the same fate, and how many are inside, themselves included."""
    modules: Counter[str] = Counter()
    for fqn, fate in fates.items():
        outer = fqn
        while fates.get(parent := outer.rpartition(".")[0]) == fate:
            outer = parent
        modules[outer] += 1
    return [(fqn, (count, fates[fqn])) for fqn, count in modules.items()]


def _moved(before: Sequence[str], after: Sequence[str]) -> Iterator[OrderEdit]:
    """The fewest modules that must move to get from one order to the other."""
    then, now = _numbered(before), _numbered(after)
    shared = [call for call in now if call in then]
    stay = _longest_rising([then[call] for call in shared])
    counts = Counter(before)
    fates = {call[0]: (counts[call[0]],) for at, call in enumerate(shared) if at not in stay}
    for fqn, members, (modules, (calls,)) in fold_alike(_outermost(fates)):
        first = unfold(fqn)[0]
        yield OrderEdit(fqn, members * modules, calls, calls, _place(before, first), _place(after, first))


def _numbered(calls: Sequence[str]) -> dict[tuple[str, int], int]:
    """Position of each call, the repeated ones told apart."""
    seen: Counter[str] = Counter()
    positions = {}
    for at, fqn in enumerate(calls):
        positions[fqn, seen[fqn]] = at
        seen[fqn] += 1
    return positions


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Places of a longest rising subsequence (patience sorting)."""
    tails: list[int] = []
    places: list[int] = []
    previous: list[int] = []
    for at, number in enumerate(numbers):
        pile = bisect_left(tails, number)
        previous.append(places[pile - 1] if pile else -1)
        tails[pile : pile + 1] = [number]
        places[pile : pile + 1] = [at]
    found, at = set(), places[-1] if places else -1
    while at >= 0:
        found.add(at)
        at = previous[at]
    return found


def _place(calls: Sequence[str], fqn: str) -> str:
    at = calls.index(fqn)
    return calls[at - 1] if at else ""
