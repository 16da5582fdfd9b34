"""When FSDP gathered parameters, and how many were whole at once, read from a trace."""

from __future__ import annotations

from pytest_footprint.model.unshard import BACKWARD, FORWARD, Unshard
from pytest_footprint.trace.events import CODE_BITS, Event, Sharding
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.trace import Trace

_UNSHARDS = {Sharding.UNSHARD_IN_FORWARD: FORWARD, Sharding.UNSHARD_IN_BACKWARD: BACKWARD}
_TURNS = {Sharding.PRE_FORWARD: FORWARD, Sharding.PRE_BACKWARD: BACKWARD}
_OWN_TURN_ENDS = frozenset({Sharding.PRE_FORWARD_END, Sharding.PRE_BACKWARD_END})


def unshards(trace: Trace, places: Places, first: int, last: int) -> tuple[Unshard, ...]:
    """The all-gathers that were issued from event ``first`` to before ``last``, in order."""
    rows = [event >> CODE_BITS for _, event in places.events(Event.SHARDING, first=first, last=last)]
    names = group_fqns(trace)
    found: list[Unshard] = []
    waiting: dict[int, tuple[int, int]] = {}
    """Group -> its prefetch in ``found``, and how many had their turn before."""
    turns, open_turns = 0, set[int]()
    for row in rows:
        what, group = Sharding(trace.sharding_what[row]), trace.sharding_group[row]
        if what in _TURNS:
            turns += 1
            open_turns.add(group)
            if group in waiting:
                at, before = waiting.pop(group)
                if found[at].order == _TURNS[what]:
                    found[at] = Unshard(found[at].fqn, found[at].order, turns - before)
        elif what in _OWN_TURN_ENDS:
            open_turns.discard(group)
        elif what in _UNSHARDS:
            if group not in open_turns:
                waiting[group] = len(found), turns
            found.append(Unshard(names[group], _UNSHARDS[what]))
    return tuple(found)


def most_unsharded(trace: Trace, places: Places, first: int, last: int) -> int:
    """How many groups were whole at once, or on their way, at most."""
    whole: set[int] = set()
    most = 0
    for place, event in places.events(Event.SHARDING, last=last):
        what, group = trace.sharding_what[event >> CODE_BITS], trace.sharding_group[event >> CODE_BITS]
        if place >= first:
            most = max(most, len(whole))
        if what in _UNSHARDS or what == Sharding.UNSHARDED:
            whole.add(group)
        elif what == Sharding.RESHARD:
            whole.discard(group)
    return max(most, len(whole))


def group_fqns(trace: Trace) -> list[str]:
    """The name of each group: that of its module, or those of all its modules."""
    names: list[list[str]] = []
    for group, module in zip(trace.group_number, trace.group_module, strict=True):
        if group == len(names):
            names.append([])
        names[group].append(trace.module_fqn(module))
    return [", ".join(each) for each in names]
