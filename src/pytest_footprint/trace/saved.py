"""What autograd kept for backward, read from a trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.trace.changes import Changes
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, OUTSIDE, Event, Phase
from pytest_footprint.trace.labels import KIND, Labels
from pytest_footprint.trace.places import Places
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import BY_CLOSURE, Trace

_KEPT_ANYWAY = frozenset(
    number for kind, number in KIND.items() if kind not in {RefType.ACTIVATION, RefType.TEMPORARY, RefType.OTHER}
)

_FIRST_GRADIENT = "aten.ones_like"
"""What ``loss.backward()`` makes right before backward begins: the gradient that it begins with."""


@dataclass(frozen=True, slots=True)
class _Node:
    """The node that holds a storage, and as what."""

    thread: int
    sequence: int
    layout: int


_Kept: TypeAlias = dict[int, _Node | None]
"""Storages that are kept; by None where no node of the graph says so."""


def saved(  # noqa: PLR0913, PLR0917 - the parts of a reading, and its window
    trace: Trace, places: Places, changes: Changes, labels: Labels, scopes: Scopes, first: int, last: int
) -> SavedTensors:
    """What was kept for the backward, among those that begin from ``first`` to before ``last``, that kept the most.

    A storage is kept when a node of the graph, or a function that one calls, holds it as that backward begins, or when
    it was made by a forward and dies while that backward runs: so what hooks keep elsewhere is found as well.
    """
    size = _sizes(trace, changes, last)
    rows_of: dict[int, list[int]] = {}
    for row, graph in enumerate(trace.saved_graph):
        rows_of.setdefault(graph, []).append(row)
    best: _Kept = {}
    most = -1
    for graph, begin, end in _graphs(places, first, last):
        kept = _held_by_nodes(trace, labels, rows_of.get(graph, ()))
        for storage in _died_within(trace, places, labels, begin, end):
            kept.setdefault(storage, None)
        nbytes = sum(size[storage] for storage in kept)
        if nbytes > most:
            best, most = kept, nbytes
    return SavedTensors(
        tuple(_row(trace, scopes, storage, best[storage], size[storage]) for storage in sorted(best) if size[storage])
    )


def _sizes(trace: Trace, changes: Changes, last: int) -> list[int]:
    size = list(trace.nbytes)
    for place, storage, nbytes in changes.resized:
        if nbytes and place < last:
            size[storage] = nbytes
    return size


def _graphs(places: Places, first: int, last: int) -> list[tuple[int, int, int]]:
    """Number, first and last event of each backward; a graph that is still waiting for one ends where it begins."""
    begins: dict[int, int] = {}
    found = []
    for place, event in places.events(Event.GRAPH_BEGIN, Event.GRAPH_END, first=first, last=last):
        graph = event >> CODE_BITS
        if event & CODE_MASK == Event.GRAPH_BEGIN:
            begins[graph] = place
        elif (begin := begins.pop(graph, None)) is not None:
            found.append((graph, begin, place))
    found += [(graph, begin, last) for graph, begin in begins.items()]
    return found


def _held_by_nodes(trace: Trace, labels: Labels, rows: Iterable[int]) -> _Kept:
    kept: dict[int, _Node] = {}
    for row in rows:
        storage, sequence = trace.saved_storage[row], trace.saved_sequence[row]
        if labels.kind[storage] in _KEPT_ANYWAY:
            continue
        # The first node to save a tensor is named: the others hold the same storage at no cost.
        if storage not in kept or sequence < kept[storage].sequence:
            kept[storage] = _Node(trace.saved_thread[row], sequence, trace.saved_layout[row])
    return {**kept}


def _died_within(trace: Trace, places: Places, labels: Labels, begin: int, end: int) -> Iterator[int]:
    forward = (Phase.FORWARD, Phase.OPTIMIZER)  # a closure's forward may run inside an optimizer step
    born_before = _born_before(trace, places, begin)
    if born_before and trace.op[born_before - 1] == trace.ops.numbers.get(_FIRST_GRADIENT):
        born_before -= 1
    for _, event in places.events(Event.FREED, first=begin, last=end):
        storage = event >> CODE_BITS
        if storage < born_before and trace.phase[storage] in forward and labels.kind[storage] not in _KEPT_ANYWAY:
            yield storage


def _born_before(trace: Trace, places: Places, place: int) -> int:
    """Storages are numbered as they are born: how many there were before event ``place``."""
    born = places.last_before(Event.BORN, place)
    return 0 if born < 0 else (trace.events[born] >> CODE_BITS) + 1


def _row(trace: Trace, scopes: Scopes, storage: int, node: _Node | None, nbytes: int) -> SavedTensor:
    if node is None:
        scope, layout = scopes.call(trace.scope[storage]), trace.layout[storage]
    else:
        held = node.sequence != BY_CLOSURE  # a closure has no module: the one that made the tensor is named
        scope = scopes.made_in(node.thread, node.sequence) if held else scopes.call(trace.scope[storage])
        layout = node.layout
    module = trace.call_module[scope] if scope > OUTSIDE else -1
    shape, dtype = trace.layouts.keys[layout]
    source = trace.source[storage]
    return SavedTensor(
        fqn=trace.module_fqn(module) if module >= 0 else "",
        op=trace.ops.keys[trace.op[storage]] if trace.op[storage] >= 0 else "",
        shape=shape,
        dtype=dtype,
        nbytes=ByteSize(nbytes),
        device=trace.devices.keys[trace.device[storage]],
        source=trace.sources.keys[source] if source >= 0 else None,
    )
