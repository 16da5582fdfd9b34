"""Writes the trace: where in the program each event fell."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from pytest_footprint.trace.events import CODE_BITS, OUTSIDE, Event, Phase, node_scope
from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking.internals import (
    ACCUMULATE_GRAD,
    current_node,
    graph_task,
    running_steps,
    sequence_number,
    when_backward_ends,
)
from pytest_footprint.tracking.modules.names import ModuleNames
from pytest_footprint.tracking.saved_graph import SavedGraph
from pytest_footprint.tracking.storages.live import LiveStorages
from pytest_footprint.tracking.thread_state import Frame, ThreadState

# Plain ints: to reach a member of an enum takes longer than to append it.
_ENTER, _EXIT, _NODE = int(Event.ENTER), int(Event.EXIT), int(Event.NODE)
_FORWARD, _RECOMPUTE, _OPTIMIZER = int(Phase.FORWARD), int(Phase.RECOMPUTE), int(Phase.OPTIMIZER)
_BACKWARD, _BACKWARD_GRAPH = int(Phase.BACKWARD), int(Phase.BACKWARD_GRAPH)


class Recorder:
    """Appends to one trace.

    Args:
        memory: read what autograd holds when a backward begins; those who record modules only have no use for it.
    """

    def __init__(self, *, memory: bool = True) -> None:
        self._memory = memory
        self.trace = Trace()
        self.names = ModuleNames(self.trace)
        self.live = LiveStorages(self.trace)
        self.states: dict[int, ThreadState] = {}
        self.open_graph: ThreadState | None = None
        self.creates_graph = False
        """Whether the backward that runs records a graph of its own."""
        self.saved_graph = SavedGraph()
        self.graphs = 0
        """How many backwards have begun."""
        self._last_sequence = -1

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
        if self.open_graph is None:
            self.begin_graph(state, [node], creates_graph=torch.is_grad_enabled())
            # The engine does not call back when a backward fails: then the next event finds it over.
            when_backward_ends(_leave_graph_of(weakref.ref(self), self.graphs))
        trace = self.trace
        row = len(trace.node_thread)
        trace.node_thread.append(state.number)
        if sequence == ACCUMULATE_GRAD:
            trace.node_sequence.append(-1)
            self.live.remember_leaf(node.variable)
            trace.node_storage.append(self.live.row(node.variable))
        else:
            trace.node_sequence.append(sequence)
            trace.node_storage.append(-1)
        trace.events.append(row << CODE_BITS | _NODE)
        state.sequence = sequence
        state.scope = node_scope(row)
        state.phase = _BACKWARD_GRAPH if self.creates_graph else _BACKWARD
        if self.creates_graph:
            # Autograd makes the node of an operator before it calls the operator: what was made since the last one
            # was made by this node's backward.
            self._mark(state, state.scope, self._last_sequence)

    def begin_graph(self, state: ThreadState, roots: Iterable[Any], *, creates_graph: bool) -> None:
        """A backward begins from the nodes ``roots``."""
        self.open_graph = state
        self.creates_graph = creates_graph
        self._last_sequence = sequence_number()
        self.event(Event.GRAPH_BEGIN, self.graphs)
        if self._memory:
            self.saved_graph.walk(self, roots, self.graphs, state.number)
        self.graphs += 1

    def leave_graph(self) -> None:
        """The backward that ran is over."""
        state = self.open_graph
        if state is None:
            return
        self.open_graph = None
        if self.creates_graph:
            self._mark(state, state.scope, self._last_sequence)
        self.event(Event.GRAPH_END, self.graphs - 1)
        state.sequence = None
        if state.frames:
            top = state.frames[-1]
            state.scope, state.phase = top.call, top.phase
        else:
            state.scope = OUTSIDE
            state.phase = _OPTIMIZER if state.optimizers else _FORWARD
        if self.creates_graph:
            self._mark(state, state.scope)
        self.creates_graph = False

    def leave_graph_of(self, graphs: int) -> None:
        """The backward with which there were so many is over."""
        if self.graphs == graphs:
            self.leave_graph()

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

    def _mark(self, state: ThreadState, scope: int, sequence: int | None = None) -> None:
        """From this sequence number on, nodes of this thread are made in ``scope``."""
        trace = self.trace
        if sequence is None:
            sequence = sequence_number()
        state.marked = max(state.marked, sequence)
        trace.mark_thread.append(state.number)
        trace.mark_sequence.append(state.marked)
        trace.mark_scope.append(scope)

    # -- module calls ------------------------------------------------------------------------------------------------

    def enter(self, state: ThreadState, module: nn.Module, row: int, inputs: int) -> Frame:
        """A module's forward begins; ``inputs`` are the bytes that it was given."""
        trace = self.trace
        scope = state.scope
        phase = _FORWARD if graph_task() == -1 else _RECOMPUTE
        call = len(trace.call_module)
        frame = Frame(module, call, scope, phase)
        trace.call_module.append(row)
        trace.call_parent.append(scope)
        trace.call_phase.append(phase)
        trace.call_inputs.append(inputs)
        trace.call_outputs.append(0)
        state.frames.append(frame)
        state.scope, state.phase = call, phase
        self._mark(state, call)
        trace.events.append(call << CODE_BITS | _ENTER)
        return frame

    def exit(self, state: ThreadState, outputs: int) -> None:
        """The innermost forward is over; ``outputs`` are the bytes that it returned."""
        trace, frame = self.trace, state.frames.pop()
        call, scope = frame.call, frame.scope
        trace.call_outputs[call] = outputs
        self._mark(state, scope)
        trace.events.append(call << CODE_BITS | _EXIT)
        state.scope = scope
        state.phase = self.phase_outside(state)

    def phase_outside(self, state: ThreadState) -> int:
        """What the program is doing in the scope that it has come back to."""
        frames = state.frames
        if frames and state.scope == frames[-1].call:
            return frames[-1].phase
        if state.sequence is not None:
            return _BACKWARD_GRAPH if self.creates_graph else _BACKWARD
        return _OPTIMIZER if state.optimizers else _FORWARD

    def begin_optimizer(self, state: ThreadState) -> None:
        """An optimizer step begins."""
        state.optimizers += 1
        state.phase = _OPTIMIZER
        self.event(Event.OPTIMIZER_BEGIN, 0)

    def end_optimizer(self, state: ThreadState) -> None:
        """An optimizer step is over, or was given up by an exception."""
        state.optimizers -= 1
        state.phase = self.phase_outside(state)
        self.event(Event.OPTIMIZER_END, 0)

    def end_failed_steps(self, state: ThreadState, about_to_begin: int = 0) -> None:
        """End the steps that an exception has left: torch calls no hook for them, but their frames are gone.

        ``about_to_begin`` counts steps whose frame is there already while their begin is not recorded yet.
        """
        if state.optimizers:
            running = running_steps(state.optimizers + about_to_begin) - about_to_begin
            while state.optimizers > running:
                self.end_optimizer(state)

    def phase_now(self, state: ThreadState) -> int:
        """What the program is doing; functions that are recomputed are told by the gradient mode."""
        phase = state.phase
        if phase == _OPTIMIZER:
            self.end_failed_steps(state)
            phase = state.phase
        if phase == _BACKWARD and torch.is_grad_enabled():
            return _RECOMPUTE
        return phase


def _leave_graph_of(recorder: weakref.ref[Recorder], graphs: int) -> Callable[[], None]:
    def leave() -> None:
        found = recorder()
        if found is not None:
            found.leave_graph_of(graphs)

    return leave
