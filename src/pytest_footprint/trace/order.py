"""The order in which modules ran, read from a trace."""

from __future__ import annotations

from functools import cache

from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, node_scope
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import Trace

_ENTER, _NODE, _RECOMPUTE = int(Event.ENTER), int(Event.NODE), int(Phase.RECOMPUTE)


def hierarchy(trace: Trace, scopes: Scopes, first: int, last: int, places: Places | None = None) -> Hierarchy:
    """Forward, backward and recompute order of the events from ``first`` to before ``last``.

    Backward reaches a module at the first node that one of its calls made; the modules around it come before it.
    """
    forward: list[int] = []
    recomputed: list[int] = []
    backward: list[int] = []
    reached: set[int] = set()
    places = places or Places(trace.events)
    for _, event in places.events(Event.ENTER, Event.NODE, Event.GRAPH_BEGIN, first=first, last=last):
        code, argument = event & CODE_MASK, event >> CODE_BITS
        if code == _ENTER:
            recompute = trace.call_phase[argument] == _RECOMPUTE
            (recomputed if recompute else forward).append(trace.call_module[argument])
        elif code == _NODE:
            call = scopes.call(node_scope(argument))
            if call >= 0 and call not in reached:
                path = list(scopes.path(call))
                backward.extend(trace.call_module[each] for each in reversed(path) if each not in reached)
                reached.update(path)
        else:
            reached.clear()
    fqn = cache(trace.module_fqn)
    return Hierarchy(tuple(map(fqn, forward)), tuple(map(fqn, backward)), tuple(map(fqn, recomputed)))
