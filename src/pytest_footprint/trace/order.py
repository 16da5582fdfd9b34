"""The order in which modules ran, read from a trace."""

from __future__ import annotations

from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, node_scope
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import Trace


def hierarchy(trace: Trace, scopes: Scopes, first: int, last: int) -> Hierarchy:
    """Forward, backward and recompute order of the events from ``first`` to before ``last``.

    Backward reaches a module at the first node that one of its calls made; the modules around it come before it.
    """
    forward: list[int] = []
    recomputed: list[int] = []
    backward: list[int] = []
    reached: set[int] = set()
    for event in trace.events[first:last]:
        code, argument = event & CODE_MASK, event >> CODE_BITS
        if code == Event.ENTER:
            recompute = trace.call_phase[argument] == Phase.RECOMPUTE
            (recomputed if recompute else forward).append(trace.call_module[argument])
        elif code == Event.NODE:
            call = scopes.call(node_scope(argument))
            if call >= 0 and call not in reached:
                path = list(scopes.path(call))
                backward.extend(trace.call_module[each] for each in reversed(path) if each not in reached)
                reached.update(path)
        elif code == Event.GRAPH_BEGIN:
            reached.clear()
    fqn = trace.module_fqn
    return Hierarchy(tuple(map(fqn, forward)), tuple(map(fqn, backward)), tuple(map(fqn, recomputed)))
