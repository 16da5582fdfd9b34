"""Reference types, settled with hindsight."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.changes import NEVER, Changes
from pytest_footprint.trace.events import CODE_BITS, OUTSIDE, Event, Phase
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.trace import Trace

KINDS = tuple(RefType)
"""Reference types by the number that the columns use."""
KIND = {kind: number for number, kind in enumerate(KINDS)}

PRIORITY = (
    RefType.SHARDED_PARAMETER,
    RefType.UNSHARDED_PARAMETER,
    RefType.PARAMETER,
    RefType.BUFFER,
    RefType.OPTIMIZER_STATE,
    RefType.SHARDED_GRADIENT,
    RefType.UNSHARDED_GRADIENT,
    RefType.GRADIENT,
    RefType.REDUCE_SCATTER,
    RefType.ALL_GATHER,
    RefType.INPUT,
    RefType.OTHER,
)
"""When a storage was called several things, the first of these holds, from its birth on."""
RANK = {KIND[kind]: len(PRIORITY) - place for place, kind in enumerate(PRIORITY)}

_IN_FORWARD = frozenset({int(Phase.FORWARD), int(Phase.RECOMPUTE)})
_OPTIMIZER, _EXISTING, _BACKWARD_GRAPH = int(Phase.OPTIMIZER), int(Phase.EXISTING), int(Phase.BACKWARD_GRAPH)


class Labels:
    """The reference type of every storage, and the module that owns it where one does.

    Args:
        trace: what was recorded.
        places: where its events stand.
        changes: what they changed.
        events: judge by the deaths among the first so many events only; by default by all.
    """

    def __init__(self, trace: Trace, places: Places, changes: Changes, events: int | None = None) -> None:
        self.kind, self.owner = _said(trace)
        _deduce(trace, places, changes, self.kind, len(places) if events is None else events)


def _said(trace: Trace) -> tuple[array[int], array[int]]:
    """What the program itself called each storage; -1 where it said nothing."""
    kind = array("b", [-1]) * len(trace.nbytes)
    owner = array("i", [-1]) * len(trace.nbytes)
    for storage, said, module in zip(trace.label_storage, trace.label_type, trace.label_module, strict=True):
        before = kind[storage]
        if before < 0 or RANK[said] > RANK[before]:
            kind[storage] = said
            owner[storage] = module
        elif before == said and owner[storage] < 0:
            owner[storage] = module
    return kind, owner


def _deduce(trace: Trace, places: Places, changes: Changes, kind: array[int], events: int) -> None:
    """Settle what nobody called anything, from when it was born and how long it lived."""
    graph_begins, graph_ends = places.of(Event.GRAPH_BEGIN), places.of(Event.GRAPH_END)
    optimizer_ends = places.of(Event.OPTIMIZER_END)
    exits, outermost = _exits(trace, places), _outermost_calls(trace)
    activation, temporary = KIND[RefType.ACTIVATION], KIND[RefType.TEMPORARY]
    state, gradient, other = KIND[RefType.OPTIMIZER_STATE], KIND[RefType.GRADIENT], KIND[RefType.OTHER]
    phases, scopes, births, deaths = trace.phase, trace.scope, changes.birth, changes.death
    for storage in [storage for storage, said in enumerate(kind) if said < 0]:
        phase, place, dies = phases[storage], births[storage], deaths[storage]
        if dies >= events:
            dies = NEVER
        if phase in _IN_FORWARD:
            scope = scopes[storage]
            if scope >= 0:
                over = exits[outermost[scope]]
            elif scope == OUTSIDE:
                over = min(_next(graph_begins, place), len(places))
            else:
                over = place + 1
            kind[storage] = temporary if dies < over else activation
        elif phase == _OPTIMIZER:
            kind[storage] = temporary if dies <= _next(optimizer_ends, place) else state
        elif phase == _EXISTING:
            kind[storage] = other
        elif dies <= _next(graph_ends, place):
            kind[storage] = temporary
        else:
            kind[storage] = activation if phase == _BACKWARD_GRAPH else gradient


def _exits(trace: Trace, places: Places) -> array[int]:
    """The event at which each call was over."""
    exits = array("q", [NEVER]) * len(trace.call_module)
    for place, event in places.events(Event.EXIT):
        exits[event >> CODE_BITS] = place
    return exits


def _outermost_calls(trace: Trace) -> array[int]:
    """For each call the outermost one around it: of its forward, or of its recomputation."""
    outermost = array("q", range(len(trace.call_module)))
    for call, parent in enumerate(trace.call_parent):
        if parent >= 0 and trace.call_phase[parent] == trace.call_phase[call]:
            outermost[call] = outermost[parent]
    return outermost


def _next(places: list[int], after: int) -> int:
    index = bisect_left(places, after)
    return places[index] if index < len(places) else NEVER
