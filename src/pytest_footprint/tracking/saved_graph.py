"""Which tensors an autograd graph holds, read from its nodes without unpacking anything."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch

from pytest_footprint.trace.trace import BY_CLOSURE
from pytest_footprint.tracking.closures import functions_in, tensors_of
from pytest_footprint.tracking.internals import ACCUMULATE_GRAD
from pytest_footprint.tracking.storages.live import PARAMETER_RANK
from pytest_footprint.tracking.storages.owners import PLAIN, plain_storage, tensors_in

if TYPE_CHECKING:
    from pytest_footprint.tracking.recorder import Recorder


class SavedGraph:
    """Walks graphs and records what their nodes hold.

    Hooks on saved tensors would be simpler; but they switch off autograd's check for in-place changes, and a
    checkpoint's own hooks hide ours. Reading ``_raw_saved_*`` changes nothing.
    """

    def __init__(self) -> None:
        self._kinds: dict[type, tuple[tuple[str, ...], bool]] = {}
        """For each type of nodes: the attributes that hold tensors, and whether it can have others."""

    def waiting(self) -> list[Any]:
        """The graphs of all tensors that are alive and were made while the collector leaves older objects alone."""
        tensors = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
        nodes = (grad_fn(tensor) for tensor in tensors)
        return [node for node in nodes if node is not None]

    def walk(self, recorder: Recorder, roots: Iterable[Any], graph: int, thread: int) -> None:
        """Record what the nodes below ``roots`` hold as what backward number ``graph`` needs."""
        kinds = self._kinds
        waiting = [node for node in roots if node is not None]
        seen = set(waiting)
        hold = _row_writer(recorder, graph, thread)
        functions: list[object] = []
        while waiting:
            node = waiting.pop()
            sequence = node._sequence_nr()
            if sequence == ACCUMULATE_GRAD:
                continue
            names, is_python = kinds.get(type(node)) or self._meet(node)
            for name in names:
                for tensor in held_by(node, name, functions):
                    hold(tensor, sequence)
            if is_python and (own := node.__dict__):
                for tensor in tensors_in(own):  # what a custom Function has put on its ctx
                    hold(tensor, sequence)
                functions += functions_in(own.values())
            for below, _ in node.next_functions:
                if below is not None and below not in seen:
                    seen.add(below)
                    waiting.append(below)
        _hold_closures(functions, hold)

    def _meet(self, node: Any) -> tuple[tuple[str, ...], bool]:
        names = tuple(name for name in dir(node) if name.startswith("_raw_saved_"))
        found = self._kinds[type(node)] = names, hasattr(node, "__dict__")
        return found


def _row_writer(recorder: Recorder, graph: int, thread: int) -> Callable[[torch.Tensor, int], None]:
    """Writes what a node holds, but for parameters, which are there anyway."""
    trace, live = recorder.trace, recorder.live
    by_id, layout = live.by_id, live.layouts.number
    add_graph, add_thread, add_sequence = (
        trace.saved_graph.append,
        trace.saved_thread.append,
        trace.saved_sequence.append,
    )
    add_storage, add_layout = trace.saved_storage.append, trace.saved_layout.append

    def write(tensor: torch.Tensor, sequence: int) -> None:
        found = by_id.get(id(plain_storage(tensor)))
        if found is not None and found.rank >= PARAMETER_RANK:
            return
        for storage in (found.storage,) if found is not None else live.rows(tensor):
            add_graph(graph)
            add_thread(thread)
            add_sequence(sequence)
            add_storage(storage)
            add_layout(layout(tensor))

    return write


def _hold_closures(functions: list[object], hold: Callable[[torch.Tensor, int], None]) -> None:
    for tensor in tensors_of(functions):
        hold(tensor, BY_CLOSURE)


def grad_fn(tensor: torch.Tensor) -> Any:
    """The node that made a tensor, None where there is none."""
    try:
        return tensor.grad_fn
    except RuntimeError:  # a view that was changed in a way that autograd forbids
        return None


def held_by(node: Any, name: str, functions: list[object]) -> Iterable[torch.Tensor]:
    """The tensors behind one ``_raw_saved_*`` attribute of a node; adds to ``functions`` those that may hold more."""
    try:
        raw = getattr(node, name)
        if type(raw) is tuple:
            return [tensor for each in raw for tensor in _unpacked(each, functions)]
        packed = raw.data
        return (packed,) if type(packed) in PLAIN else _unpacked(raw, functions)  # by far the commonest
    except (RuntimeError, AttributeError):  # freed already by an earlier backward, or nothing was saved
        return ()


def _unpacked(raw: Any, functions: list[object]) -> Iterable[torch.Tensor]:
    packed = raw.data
    if isinstance(packed, torch.Tensor):
        return (packed,)
    # With saved-tensor hooks this is what the pack hook returned: a tensor, a tuple with one inside, or a key to what
    # the unpack hook has in its closure.
    functions.append(raw.unpack_hook)
    return tensors_in(packed, depth=3)
