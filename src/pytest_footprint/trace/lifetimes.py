"""How long everything lived, read from a trace."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.lifetimes import Lifetime, Lifetimes, Span
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, Event, Phase, node_scope
from pytest_footprint.trace.labels import KINDS
from pytest_footprint.trace.reading import Reading
from pytest_footprint.trace.window import Window

_ENDS = {Event.OPTIMIZER_END: Event.OPTIMIZER_BEGIN, Event.STEP_END: Event.STEP_BEGIN}
_WHAT = {Event.OPTIMIZER_BEGIN: "optimizer", Event.STEP_BEGIN: "step"}


def lifetimes(reading: Reading, window: Window) -> Lifetimes:
    """All that was alive at some moment of the window, or right before it."""
    tensors = sorted((*_storages(reading, window), *_inside(reading, window)), key=lambda each: each.born)
    spans = sorted(
        (*_calls(reading, window), *_backward(reading, window), *_regions(reading, window)), key=_outer_first
    )
    marks = reading.places.events(Event.MARK, first=window.first, last=window.last)
    return Lifetimes(
        window.first,
        window.last,
        tuple(tensors),
        tuple(spans),
        tuple((reading.trace.marks[event >> CODE_BITS], place) for place, event in marks),
    )


def _outer_first(span: Span) -> tuple[int, int]:
    return span.first, -span.last


def _storages(reading: Reading, window: Window) -> Iterator[Lifetime]:
    trace, changes = reading.trace, reading.changes
    before = window.first - 1
    size = changes.sizes(before)
    fqn = cache(trace.module_fqn)
    resized: dict[int, list[tuple[int, int]]] = {}
    for place, storage, nbytes in changes.resized:
        if window.first <= place < window.last:
            resized.setdefault(storage, []).append((place, nbytes))
    for storage, dies in enumerate(changes.death):
        born = before if trace.phase[storage] == Phase.EXISTING else max(before, changes.birth[storage])
        freed = min(dies, window.last)
        if born >= freed:
            continue
        kind = reading.labels.kind[storage]
        module, op = reading.origin(storage)
        shape, dtype = trace.layouts.keys[trace.layout[storage]]
        source = trace.source[storage]
        nbytes = size[storage]
        for until, next_size in (*resized.get(storage, ()), (freed, 0)):
            if nbytes and born < until:
                yield Lifetime(
                    storage=storage,
                    born=born,
                    freed=until,
                    nbytes=ByteSize(nbytes),
                    ref_type=KINDS[kind],
                    fqn=fqn(module) if module >= 0 else reading.outside(kind, (storage,)),
                    op=trace.ops.keys[op] if op >= 0 else "",
                    shape=shape,
                    dtype=dtype,
                    device=trace.devices.keys[trace.device[storage]],
                    source=trace.sources.keys[source] if source >= 0 else None,
                )
            born, nbytes = until, next_size


def _inside(reading: Reading, window: Window) -> Iterator[Lifetime]:
    """What operators held inside themselves, for the moment before each was over."""
    trace = reading.trace
    rows = zip(trace.inside_place, trace.inside_op, trace.inside_device, trace.inside_bytes, strict=True)
    for number, (place, op, device, nbytes) in enumerate(rows):
        if window.first <= place <= window.last and nbytes > 0:
            yield Lifetime(
                storage=len(trace.nbytes) + number,
                born=place - 1,
                freed=place,
                nbytes=ByteSize(nbytes),
                ref_type=RefType.TEMPORARY,
                fqn="",
                op=f"inside {trace.ops.keys[op]}",
                shape=(nbytes,),
                dtype="bytes",
                device=trace.devices.keys[device],
            )


def _calls(reading: Reading, window: Window) -> Iterator[Span]:
    trace = reading.trace
    entered: dict[int, int] = {}
    spans: dict[int, int] = {}
    for place, event in reading.places.events(Event.ENTER, Event.EXIT, first=window.first, last=window.last):
        code, call = event & CODE_MASK, event >> CODE_BITS
        if code == Event.ENTER:
            entered[call] = place
        else:
            spans[call] = place
    for call, place in entered.items():
        what = "recompute" if trace.call_phase[call] == Phase.RECOMPUTE else "forward"
        yield Span(what, trace.module_fqn(trace.call_module[call]), place, spans.get(call, window.last))


def _backward(reading: Reading, window: Window) -> Iterator[Span]:
    """A span for each stretch of nodes that one call made, and for the modules around it; one for each backward."""
    trace, scopes = reading.trace, reading.scopes
    codes = (Event.NODE, Event.GRAPH_BEGIN, Event.GRAPH_END)
    whole: dict[int, int] = {}
    open_since: dict[int, int] = {}
    for place, event in reading.places.events(*codes, first=window.first, last=window.last):
        code, argument = event & CODE_MASK, event >> CODE_BITS
        reached: set[int] = set()
        if code == Event.GRAPH_BEGIN:
            whole[argument] = place
        elif code == Event.GRAPH_END:
            yield Span("backward", "", whole.pop(argument, window.first), place)
        else:
            reached.update(scopes.path(scopes.call(node_scope(argument))))
        for call in [call for call in open_since if call not in reached]:
            yield Span("backward", trace.module_fqn(trace.call_module[call]), open_since.pop(call), place)
        for call in reached:
            open_since.setdefault(call, place)
    for call, since in open_since.items():
        yield Span("backward", trace.module_fqn(trace.call_module[call]), since, window.last)
    for since in whole.values():
        yield Span("backward", "", since, window.last)


def _regions(reading: Reading, window: Window) -> Iterator[Span]:
    """Optimizer steps and measured steps."""
    begun: dict[Event, list[int]] = {Event.OPTIMIZER_BEGIN: [], Event.STEP_BEGIN: []}
    for place, event in reading.places.events(*begun, *_ENDS, first=window.first, last=window.last):
        code = Event(event & CODE_MASK)
        if code in begun:
            begun[code].append(place)
        else:
            since = begun[_ENDS[code]]
            yield Span(_WHAT[_ENDS[code]], "", since.pop() if since else window.first, place)
    for code, places in begun.items():
        yield from (Span(_WHAT[code], "", since, window.last) for since in places)
