"""Writes the trace: storages, labels, and where in the program each event fell."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import CODE_BITS, OUTSIDE, Event, Phase, node_scope
from pytest_footprint.trace.labels import KIND, RANK
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.internals import (
    ACCUMULATE_GRAD,
    current_node,
    graph_task,
    running_steps,
    sequence_number,
)
from pytest_footprint.tracking.module_names import ModuleNames
from pytest_footprint.tracking.saved_graph import SavedGraph
from pytest_footprint.tracking.sources import Sources
from pytest_footprint.tracking.storages import Owner, hint, owner_nbytes, plain_storage, storages
from pytest_footprint.tracking.thread_state import Frame, ThreadState
from pytest_footprint.tracking.tracked import Tracked, freed_callback

_BORN, _RESIZED = int(Event.BORN), int(Event.RESIZED)
RANK_OF = {kind: RANK[KIND[kind]] for kind in RefType if KIND[kind] in RANK}
_CUDA_BLOCK = 512
"""The CUDA caching allocator rounds every request up to this many bytes (kMinBlockSize, c10/cuda)."""


class Recorder:
    """Appends to one trace.

    Args:
        memory: read what autograd holds when a backward begins; those who record modules only have no use for it.
    """

    def __init__(self, *, memory: bool = True) -> None:
        self._memory = memory
        self.trace = Trace()
        self.names = ModuleNames(self.trace)
        self.sources = Sources()
        self.states: dict[int, ThreadState] = {}
        self.alive: dict[int, Tracked] = {}
        self.open_graph: ThreadState | None = None
        self.saved_graph = SavedGraph()
        self.graphs = 0
        """How many backwards have begun."""
        self._creates_graph = False
        self._last_sequence = -1
        self._leaves: dict[int, weakref.ref[torch.Tensor]] = {}
        self._devices: dict[torch.device, int] = {}
        self._layouts: dict[tuple[torch.Size, torch.dtype], int] = {}
        self.owners: dict[int, int] = {}
        """Row of a parameter's storage -> row of its module."""
        self._freed = freed_callback(self.alive, self.trace)
        self._cpu = self.trace.devices.number("cpu")

    # -- where the program is ----------------------------------------------------------------------------------------

    def state(self) -> ThreadState:
        """The state of the calling thread."""
        ident = threading.get_ident()
        found = self.states.get(ident)
        if found is None:
            found = self.states[ident] = ThreadState(len(self.states))
        return found

    def event(self, code: Event, argument: int) -> None:
        """Append one event."""
        self.trace.events.append(argument << CODE_BITS | code)

    def follow(self, state: ThreadState) -> None:
        """Notice that backward has begun, moved on or ended since the last event."""
        node = current_node()
        if node is not None:
            sequence = node._sequence_nr()
            if sequence != state.sequence or sequence == ACCUMULATE_GRAD:
                self.reach(state, node, sequence)
        elif self.open_graph is not None:
            self.leave_graph()

    def reach(self, state: ThreadState, node: Any, sequence: int) -> None:
        """Backward runs ``node`` now."""
        trace = self.trace
        if self.open_graph is None:
            self._begin_graph(state, node)
        state.sequence = sequence
        if sequence == ACCUMULATE_GRAD:
            trace.node_sequence.append(-1)
            trace.node_storage.append(self._remember_leaf(node.variable))
        else:
            trace.node_sequence.append(sequence)
            trace.node_storage.append(-1)
        trace.node_thread.append(state.number)
        row = len(trace.node_thread) - 1
        self.event(Event.NODE, row)
        state.scope = node_scope(row)
        state.phase = int(Phase.BACKWARD_GRAPH if self._creates_graph else Phase.BACKWARD)
        if self._creates_graph:
            # Autograd makes the node of an operator before it calls the operator: what was made since the last one
            # was made by this node's backward.
            self._mark(state, state.scope, self._last_sequence)

    def _begin_graph(self, state: ThreadState, node: Any) -> None:
        self.open_graph = state
        self._creates_graph = torch.is_grad_enabled()
        self._last_sequence = sequence_number()
        self.event(Event.GRAPH_BEGIN, self.graphs)
        if self._memory:
            self.saved_graph.walk(self, [node], self.graphs, state.number)
        self.graphs += 1
        # The engine does not call back when a backward fails: then the next event finds it over.
        torch.autograd.Variable._execution_engine.queue_callback(_leave_graph_of(weakref.ref(self), self.graphs))

    def leave_graph(self) -> None:
        """The backward that ran is over."""
        state = self.open_graph
        if state is None:
            return
        self.open_graph = None
        if self._creates_graph:
            self._mark(state, state.scope, self._last_sequence)
        self.event(Event.GRAPH_END, self.graphs - 1)
        state.sequence = None
        if state.frames:
            top = state.frames[-1]
            state.scope, state.phase = top.call, top.phase
        else:
            state.scope = OUTSIDE
            state.phase = int(Phase.OPTIMIZER if state.optimizers else Phase.FORWARD)
        if self._creates_graph:
            self._mark(state, state.scope)
        self._creates_graph = False

    def read_waiting_graphs(self) -> None:
        """Record what the graphs of living tensors hold that no backward has used."""
        waiting = self.saved_graph.waiting()
        if not waiting or self.open_graph is not None:
            return
        self.event(Event.GRAPH_BEGIN, self.graphs)
        self.saved_graph.walk(self, waiting, self.graphs, self.state().number)
        self.event(Event.GRAPH_END, self.graphs)
        self.graphs += 1

    def made_nodes(self) -> None:
        """An operator ran in a backward that records a graph: what it made is not the next node's."""
        self._last_sequence = sequence_number()

    @property
    def creates_graph(self) -> bool:
        """Whether the backward that runs records a graph of its own."""
        return self._creates_graph

    def _mark(self, state: ThreadState, scope: int, sequence: int | None = None) -> None:
        """From this sequence number on, nodes of this thread are made in ``scope``."""
        trace = self.trace
        state.marked = max(state.marked, sequence_number() if sequence is None else sequence)
        trace.mark_thread.append(state.number)
        trace.mark_sequence.append(state.marked)
        trace.mark_scope.append(scope)

    # -- module calls ------------------------------------------------------------------------------------------------

    def enter(self, state: ThreadState, module: nn.Module, row: int, inputs: int) -> Frame:
        """A module's forward begins; ``inputs`` are the bytes that it was given."""
        trace = self.trace
        task = graph_task()
        recompute = task != -1
        call = len(trace.call_module)
        phase = int(Phase.RECOMPUTE if recompute else Phase.FORWARD)
        frame = Frame(module, call, state.scope, phase, task)
        trace.call_module.append(row)
        trace.call_parent.append(state.scope)
        trace.call_phase.append(phase)
        trace.call_inputs.append(inputs)
        trace.call_outputs.append(0)
        state.frames.append(frame)
        state.scope, state.phase = call, phase
        self._mark(state, call)
        self.event(Event.ENTER, call)
        return frame

    def exit(self, state: ThreadState, outputs: int) -> None:
        """The innermost forward is over; ``outputs`` are the bytes that it returned."""
        frame = state.frames.pop()
        self.trace.call_outputs[frame.call] = outputs
        self._mark(state, frame.scope)
        self.event(Event.EXIT, frame.call)
        state.scope = frame.scope
        state.phase = self._phase_outside(state)

    def _phase_outside(self, state: ThreadState) -> int:
        if state.frames and state.scope == state.frames[-1].call:
            return state.frames[-1].phase
        if state.sequence is not None:
            return int(Phase.BACKWARD_GRAPH if self._creates_graph else Phase.BACKWARD)
        return int(Phase.OPTIMIZER if state.optimizers else Phase.FORWARD)

    def begin_optimizer(self, state: ThreadState) -> None:
        """An optimizer step begins."""
        state.optimizers += 1
        state.phase = int(Phase.OPTIMIZER)
        self.event(Event.OPTIMIZER_BEGIN, 0)

    def end_optimizer(self, state: ThreadState) -> None:
        """An optimizer step is over, or was given up by an exception."""
        state.optimizers -= 1
        state.phase = self._phase_outside(state)
        self.event(Event.OPTIMIZER_END, 0)

    def end_failed_steps(self, state: ThreadState, about_to_begin: int = 0) -> None:
        """End the steps that an exception has left: torch calls no hook for them, but their frames are gone.

        ``about_to_begin`` counts steps whose frame is there already while their begin is not recorded yet.
        """
        if state.optimizers:
            running = running_steps() - about_to_begin
            while state.optimizers > running:
                self.end_optimizer(state)

    # -- storages ----------------------------------------------------------------------------------------------------

    def born(self, tensor: torch.Tensor, op: int, state: ThreadState, source: int) -> None:
        """An operator returned ``tensor``: whatever memory below it is new was made by it."""
        for owner, plain in storages(tensor):
            found = self.alive.get(id(owner))
            if found is None:
                self.add(owner, plain, op, state.scope, self.phase_now(state), source)
            else:
                self.check_size(owner, found)

    def phase_now(self, state: ThreadState) -> int:
        """What the program is doing; functions that are recomputed are told by the gradient mode."""
        phase = state.phase
        if phase == Phase.OPTIMIZER:
            self.end_failed_steps(state)
            phase = state.phase
        if phase == Phase.BACKWARD and torch.is_grad_enabled():
            return int(Phase.RECOMPUTE)
        return phase

    def add(  # noqa: PLR0913, PLR0917 - the columns of a row
        self, owner: Owner, plain: torch.Tensor, op: int, scope: int, phase: int, source: int
    ) -> Tracked | None:
        """A row for memory that was not known; None for meta tensors, which have none."""
        trace = self.trace
        device = self._cpu if plain.is_cpu else self._device(plain.device)
        if device < 0:
            return None
        size = owner_nbytes(owner)
        if device != self._cpu and plain.device.type == "cuda":
            size = -(-size // _CUDA_BLOCK) * _CUDA_BLOCK
        found = Tracked(owner, self._freed)
        key = found.key = id(owner)
        row = found.storage = len(trace.nbytes)
        found.nbytes = size
        found.rank = 0
        found.modules = ()
        self.alive[key] = found
        trace.nbytes.append(size)
        trace.device.append(device)
        trace.op.append(op)
        trace.scope.append(scope)
        trace.phase.append(phase)
        trace.layout.append(self.layout(plain))
        trace.source.append(source)
        trace.events.append(row << CODE_BITS | _BORN)
        return found

    def layout(self, tensor: torch.Tensor) -> int:
        """The number of a tensor's shape and dtype."""
        try:
            key = (tensor.shape, tensor.dtype)
            found = self._layouts.get(key)
        except (TypeError, RuntimeError):  # symbolic sizes have no hash, strided nested tensors no shape
            return self._plain_layout(tensor)
        if found is None:
            found = self._layouts[key] = self._plain_layout(tensor)
        return found

    def _plain_layout(self, tensor: torch.Tensor) -> int:
        sizes = (tensor.numel(),) if tensor.is_nested else tensor.shape
        shape = tuple(size if type(size) is int else hint(size) for size in sizes)
        return self.trace.layouts.number((shape, str(tensor.dtype).removeprefix("torch.")))

    def _device(self, device: torch.device) -> int:
        found = self._devices.get(device)
        if found is None:
            found = -1 if device.type == "meta" else self.trace.devices.number(str(device))
            self._devices[device] = found
        return found

    def check_size(self, owner: Owner, found: Tracked) -> None:
        """Note it when a known storage is larger or smaller than it was."""
        size = owner_nbytes(owner)
        if isinstance(owner, torch.UntypedStorage) and owner.device.type == "cuda":
            size = -(-size // _CUDA_BLOCK) * _CUDA_BLOCK
        if size != found.nbytes:
            found.nbytes = size
            self.trace.resized_storage.append(found.storage)
            self.trace.resized_to.append(size)
            self.trace.events.append(len(self.trace.resized_to) - 1 << CODE_BITS | _RESIZED)

    def resized(self, storage: torch.UntypedStorage) -> None:
        """``UntypedStorage.resize_`` was called."""
        found = self.alive.get(id(storage))
        if found is not None:
            self.check_size(storage, found)

    # -- labels ------------------------------------------------------------------------------------------------------

    def label(self, tensor: torch.Tensor, kind: RefType, module: int = -1) -> None:
        """Say what a tensor is; what was not known until now is older than the recording."""
        found = self.alive.get(id(plain_storage(tensor)))
        if found is not None and (found.rank > RANK_OF[kind] or module in found.modules):
            return  # by far the commonest: parameters are looked at again and again
        for owner, plain in storages(tensor):
            found = self.alive.get(id(owner))
            if found is None:
                found = self.add(owner, plain, -1, OUTSIDE, int(Phase.EXISTING), -1)
            if found is not None:
                self._label(found, kind, module)

    def _label(self, found: Tracked, kind: RefType, module: int) -> None:
        rank = RANK_OF[kind]
        if found.rank < rank:
            found.rank, found.modules = rank, ()
        elif found.rank > rank or module in found.modules:
            return
        if not found.modules or module >= 0:
            found.modules = (*found.modules, module)
            self._say(found.storage, KIND[kind], module)
            if kind is RefType.PARAMETER and module >= 0:
                self.owners.setdefault(found.storage, module)

    def _say(self, storage: int, number: int, module: int) -> None:
        trace = self.trace
        trace.label_storage.append(storage)
        trace.label_type.append(number)
        trace.label_module.append(module)

    def rows(self, tensor: torch.Tensor) -> Sequence[int]:
        """The rows of the storages below a tensor that are known."""
        storage = plain_storage(tensor)
        if storage is not None:
            found = self.alive.get(id(storage))
            return () if found is None else (found.storage,)
        owners = (self.alive.get(id(owner)) for owner, _ in storages(tensor))
        return [found.storage for found in owners if found is not None]

    def storage_of(self, tensor: torch.Tensor) -> int:
        """The row of the first storage below a tensor, -1 when it is not known."""
        return next(iter(self.rows(tensor)), -1)

    def nbytes(self, tensors: Sequence[torch.Tensor]) -> int:
        """Bytes of the storages below some tensors, each once."""
        if len(tensors) == 1 and (storage := plain_storage(tensors[0])) is not None:
            return owner_nbytes(storage)
        sizes = {id(owner): owner_nbytes(owner) for tensor in tensors for owner, _ in storages(tensor)}
        return sum(sizes.values())

    def _remember_leaf(self, leaf: torch.Tensor) -> int:
        key, leaves = id(leaf), self._leaves
        if key not in leaves:
            leaves[key] = weakref.ref(leaf, lambda _: leaves.pop(key, None))
        return self.storage_of(leaf)

    def label_gradients(self) -> None:
        """Find the gradients of all leaves that backward has reached."""
        for reference in tuple(self._leaves.values()):
            leaf = reference()
            if leaf is not None:
                self.label_gradient(leaf)

    def label_gradient(self, leaf: torch.Tensor) -> None:
        """Label the gradient of a leaf tensor where it has one."""
        gradient = leaf.grad
        if gradient is not None:
            self.label(gradient, RefType.GRADIENT, self.owner(leaf))

    def owner(self, parameter: torch.Tensor) -> int:
        """The row of the module that a parameter belongs to, -1 when no module has called it its own."""
        return self.owners.get(self.storage_of(parameter), -1)


def _leave_graph_of(recorder: weakref.ref[Recorder], graphs: int) -> Callable[[], None]:
    def leave() -> None:
        found = recorder()
        if found is not None and found.graphs == graphs:
            found.leave_graph()

    return leave
