"""What autograd kept for backward, read from a trace."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType
from pytest_footprint.model.saved_tensor import SavedTensor, SavedTensors
from pytest_footprint.trace.events import CODE_BITS, CODE_MASK, OUTSIDE, Event, Phase
from pytest_footprint.trace.labels import KIND, Labels
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.trace.trace import Trace

_KEPT_ANYWAY = frozenset(
    KIND[kind] for kind in (RefType.PARAMETER, RefType.BUFFER, RefType.GRADIENT, RefType.OPTIMIZER_STATE, RefType.INPUT)
)

_FIRST_GRADIENT = "aten.ones_like"
"""What ``loss.backward()`` makes right before backward begins: the gradient that it begins with."""


@dataclass(frozen=True, slots=True)
class _Kept:
    storage: int
    scope: int
    layout: int


def saved(trace: Trace, labels: Labels, scopes: Scopes, first: int, last: int) -> SavedTensors:
    """What was kept for the backward, among those that begin from ``first`` to before ``last``, that kept the most.

    A storage is kept when a node of the graph holds it as that backward begins, or when it was made by a forward and
    dies while that backward runs: so what checkpoints and saved-tensor hooks hold in closures is found as well.
    """
    size = _sizes(trace, last)
    best: dict[int, _Kept] = {}
    most = -1
    for graph, begin, end in _graphs(trace, first, last):
        kept = _held_by_nodes(trace, labels, scopes, graph)
        for storage in _died_within(trace, labels, begin, end):
            kept.setdefault(storage, _Kept(storage, scopes.call(trace.scope[storage]), trace.layout[storage]))
        nbytes = sum(size[storage] for storage in kept)
        if nbytes > most:
            best, most = kept, nbytes
    rows = [best[storage] for storage in sorted(best) if size[storage]]
    return SavedTensors(tuple(_row(trace, scopes, kept, size[kept.storage]) for kept in rows))


def _sizes(trace: Trace, last: int) -> list[int]:
    size = list(trace.nbytes)
    for event in trace.events[:last]:
        if event & CODE_MASK == Event.RESIZED and (nbytes := trace.resized_to[event >> CODE_BITS]):
            size[trace.resized_storage[event >> CODE_BITS]] = nbytes
    return size


def _graphs(trace: Trace, first: int, last: int) -> list[tuple[int, int, int]]:
    """Number, first and last event of each backward; a graph that is still waiting for one ends where it begins."""
    begins: dict[int, int] = {}
    found = []
    for place in range(first, last):
        event = trace.events[place]
        if event & CODE_MASK == Event.GRAPH_BEGIN:
            begins[event >> CODE_BITS] = place
        elif event & CODE_MASK == Event.GRAPH_END and (begin := begins.pop(event >> CODE_BITS, None)) is not None:
            found.append((event >> CODE_BITS, begin, place))
    found += [(graph, begin, last) for graph, begin in begins.items()]
    return found


def _held_by_nodes(trace: Trace, labels: Labels, scopes: Scopes, graph: int) -> dict[int, _Kept]:
    kept: dict[int, tuple[int, _Kept]] = {}
    columns = zip(
        trace.saved_graph,
        trace.saved_thread,
        trace.saved_sequence,
        trace.saved_storage,
        trace.saved_layout,
        strict=True,
    )
    for number, thread, sequence, storage, layout in columns:
        if number != graph or labels.kind[storage] in _KEPT_ANYWAY:
            continue
        # The first node to save a tensor is named: the others hold the same storage at no cost.
        if storage not in kept or sequence < kept[storage][0]:
            kept[storage] = sequence, _Kept(storage, scopes.made_in(thread, sequence), layout)
    return {storage: row for storage, (_, row) in kept.items()}


def _died_within(trace: Trace, labels: Labels, begin: int, end: int) -> list[int]:
    forward = (Phase.FORWARD, Phase.OPTIMIZER)  # a closure's forward may run inside an optimizer step
    born_before = _born_before(trace, begin)
    if born_before and trace.op[born_before - 1] == trace.ops.numbers.get(_FIRST_GRADIENT):
        born_before -= 1
    found = []
    for event in trace.events[begin:end]:
        storage = event >> CODE_BITS
        if (
            event & CODE_MASK == Event.FREED
            and storage < born_before
            and trace.phase[storage] in forward
            and labels.kind[storage] not in _KEPT_ANYWAY
        ):
            found.append(storage)
    return found


def _born_before(trace: Trace, place: int) -> int:
    """Storages are numbered as they are born: how many there were before event ``place``."""
    for event in reversed(trace.events[:place]):
        if event & CODE_MASK == Event.BORN:
            return (event >> CODE_BITS) + 1
    return 0


def _row(trace: Trace, scopes: Scopes, kept: _Kept, nbytes: int) -> SavedTensor:
    storage = kept.storage
    module = trace.call_module[kept.scope] if kept.scope > OUTSIDE else -1
    shape, dtype = trace.layouts.keys[kept.layout]
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
