"""Reference types, settled with hindsight."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, OUTSIDE, Event, Phase
from pytest_footprint.trace.trace import Trace

KINDS = tuple(RefType)
"""Reference types by the number that the columns use."""
KIND = {kind: number for number, kind in enumerate(KINDS)}

PRIORITY = (
    RefType.PARAMETER,
    RefType.BUFFER,
    RefType.OPTIMIZER_STATE,
    RefType.GRADIENT,
    RefType.INPUT,
    RefType.OTHER,
)
"""When a storage was called several things, the first of these holds, from its birth on."""
RANK = {KIND[kind]: len(PRIORITY) - place for place, kind in enumerate(PRIORITY)}

_NEVER = 1 << 62


class Labels:
    """The reference type of every storage, and the module that owns it where one does.

    Args:
        trace: what was recorded.
        events: judge by the first so many events only; by default by all.
    """

    def __init__(self, trace: Trace, events: int | None = None) -> None:
        self.death = _deaths(trace, events)
        self.kind, self.owner = _said(trace)
        _deduce(trace, self.death, self.kind)


def _deaths(trace: Trace, events: int | None) -> array[int]:
    """The event at which each storage died."""
    death = array("q", [_NEVER]) * len(trace.nbytes)
    for place, event in enumerate(trace.events[:events]):
        if event & CODE_MASK == Event.FREED:
            death[event >> CODE_BITS] = place
    return death


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


def _deduce(trace: Trace, death: array[int], kind: array[int]) -> None:
    """Settle what nobody called anything, from when it was born and how long it lived."""
    exits, graph_begins, graph_ends, optimizer_ends = _boundaries(trace)
    outermost = _outermost_calls(trace)
    activation, temporary = KIND[RefType.ACTIVATION], KIND[RefType.TEMPORARY]
    state, gradient, other = KIND[RefType.OPTIMIZER_STATE], KIND[RefType.GRADIENT], KIND[RefType.OTHER]
    for place, event in enumerate(trace.events):
        if event & CODE_MASK != Event.BORN:
            continue
        storage = event >> CODE_BITS
        if kind[storage] >= 0:
            continue
        phase, dies = trace.phase[storage], death[storage]
        if phase in (Phase.FORWARD, Phase.RECOMPUTE):
            scope = trace.scope[storage]
            if scope >= 0:
                over = exits[outermost[scope]]
            elif scope == OUTSIDE:
                over = _next(graph_begins, place)
                over = len(trace.events) if over == _NEVER else over
            else:
                over = place + 1
            kind[storage] = temporary if dies < over else activation
        elif phase == Phase.OPTIMIZER:
            kind[storage] = temporary if dies <= _next(optimizer_ends, place) else state
        elif phase == Phase.EXISTING:
            kind[storage] = other
        elif dies <= _next(graph_ends, place):
            kind[storage] = temporary
        else:
            kind[storage] = activation if phase == Phase.BACKWARD_GRAPH else gradient


def _boundaries(trace: Trace) -> tuple[array[int], list[int], list[int], list[int]]:
    exits = array("q", [_NEVER]) * len(trace.call_module)
    places: dict[int, list[int]] = {Event.GRAPH_BEGIN: [], Event.GRAPH_END: [], Event.OPTIMIZER_END: []}
    for place, event in enumerate(trace.events):
        code = event & CODE_MASK
        if code == Event.EXIT:
            exits[event >> CODE_BITS] = place
        elif code in places:
            places[code].append(place)
    return exits, places[Event.GRAPH_BEGIN], places[Event.GRAPH_END], places[Event.OPTIMIZER_END]


def _outermost_calls(trace: Trace) -> array[int]:
    """For each call the outermost one around it: of its forward, or of its recomputation."""
    outermost = array("q", range(len(trace.call_module)))
    for call, parent in enumerate(trace.call_parent):
        if parent >= 0 and trace.call_phase[parent] == trace.call_phase[call]:
            outermost[call] = outermost[parent]
    return outermost


def _next(places: list[int], after: int) -> int:
    index = bisect_left(places, after)
    return places[index] if index < len(places) else _NEVER
