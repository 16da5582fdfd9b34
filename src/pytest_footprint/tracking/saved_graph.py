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
from pytest_footprint.tracking.storages.owners import plain_storage, tensors_in

if TYPE_CHECKING:
    from pytest_footprint.tracking.recorder import Recorder


class SavedGraph:
    """Walks graphs and records what their nodes hold.

    Hooks on saved tensors would be simpler; but they switch off autograd's check for in-place changes, and a
    checkpoint's own hooks hide ours. Reading ``_raw_saved_*`` changes nothing.
    """

    def __init__(self) -> None:
        self._names: dict[type, tuple[str, ...]] = {}

    def waiting(self) -> list[Any]:
        """The graphs of all tensors that are alive and were made while the collector leaves older objects alone."""
        tensors = [each for each in gc.get_objects() if issubclass(type(each), torch.Tensor)]
        nodes = (grad_fn(tensor) for tensor in tensors)
        return [node for node in nodes if node is not None]

    def walk(self, recorder: Recorder, roots: Iterable[Any], graph: int, thread: int) -> None:
        """Record what the nodes below ``roots`` hold as what backward number ``graph`` needs."""
        names = self._names
        waiting = [node for node in roots if node is not None]
        seen = set(waiting)
        hold = _row_writer(recorder, graph, thread)
        functions: list[object] = []
        while waiting:
            node = waiting.pop()
            sequence = node._sequence_nr()
            if sequence == ACCUMULATE_GRAD:
                continue
            attributes = names.get(type(node))
            if attributes is None:
                attributes = self._attributes(node)
            for name in attributes:
                for tensor in held_by(node, name, functions):
                    hold(tensor, sequence)
            if own := getattr(node, "__dict__", None):
                for tensor in tensors_in(own):  # what a custom Function has put on its ctx
                    hold(tensor, sequence)
                functions += functions_in(own.values())
            for below, _ in node.next_functions:
                if below is not None and below not in seen:
                    seen.add(below)
                    waiting.append(below)
        _hold_closures(functions, hold)

    def _attributes(self, node: Any) -> tuple[str, ...]:
        found = self._names[type(node)] = tuple(name for name in dir(node) if name.startswith("_raw_saved_"))
        return found


def _row_writer(recorder: Recorder, graph: int, thread: int) -> Callable[[torch.Tensor, int], None]:
    """Writes what a node holds, but for parameters, which are there anyway."""
    trace, live = recorder.trace, recorder.live
    by_id, layout = live.by_id, live.layouts.number

    def write(tensor: torch.Tensor, sequence: int) -> None:
        found = by_id.get(id(plain_storage(tensor)))
        if found is not None and found.rank >= PARAMETER_RANK:
            return
        for storage in (found.storage,) if found is not None else live.rows(tensor):
            trace.saved_graph.append(graph)
            trace.saved_thread.append(thread)
            trace.saved_sequence.append(sequence)
            trace.saved_storage.append(storage)
            trace.saved_layout.append(layout(tensor))

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
        return _unpacked(raw, functions)
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
