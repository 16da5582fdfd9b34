"""What runs before and after every module's forward: part of the hot path."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.compiler import is_dynamo_compiling

from pytest_footprint.trace.events import CODE_BITS, Event, Phase
from pytest_footprint.tracking.internals import current_node, graph_task, keyword_arguments, sequence_number
from pytest_footprint.tracking.modules.user_hooks import UserHooks
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import all_tensors_in, hint
from pytest_footprint.tracking.thread_state import Frame

_ENTER, _EXIT, _FORWARD = int(Event.ENTER), int(Event.EXIT), int(Phase.FORWARD)

Before = Callable[[nn.Module, tuple[Any, ...]], None]
After = Callable[..., None]
"""(module, args, kwargs, output), and without kwargs when the forward raised."""


def hooks_around(  # noqa: C901, PLR0913, PLR0915 - three functions in one, their names bound once
    recorder: Recorder,
    enter: Before,
    leave: Callable[[nn.Module, tuple[Any, ...], object], None],
    regions: set[int],
    user_hooks: UserHooks,
    *,
    memory: bool,
) -> tuple[Before, After]:
    """The hooks that torch calls around each forward.

    Closures, as `hot_path` is one. They write what is common: the call of a module that is known, from within another
    one and outside backward. The rest is left to ``enter`` and ``leave``, and so is everything while there are compiled
    ``regions`` that run or hooks of the user.
    """
    states, known, trace, live = recorder.states, recorder.names.known, recorder.trace, recorder.live
    add_module, add_parent = trace.call_module.append, trace.call_parent.append
    add_phase, add_inputs = trace.call_phase.append, trace.call_inputs.append
    add_outputs, add_event = trace.call_outputs.append, trace.events.append
    mark_thread, mark_sequence = trace.mark_thread.append, trace.mark_sequence.append
    mark_scope = trace.mark_scope.append
    calls, inputs, outputs = trace.call_module, trace.call_inputs, trace.call_outputs
    tensor_type = torch.Tensor

    def nbytes(value: Any) -> int:
        if type(value) is tuple and len(value) == 1:
            value = value[0]
        if type(value) is tensor_type:
            try:
                size = value.untyped_storage().nbytes()
            except (NotImplementedError, RuntimeError, ValueError):  # sparse, mkldnn, functorch, lazy
                return live.nbytes((value,))
            return size if type(size) is int else hint(size)
        return live.nbytes(all_tensors_in(value))

    def before(module: nn.Module, args: tuple[Any, ...]) -> None:
        if is_dynamo_compiling():
            return  # dynamo traces this hook: what is compiled is one opaque region
        state = states.get(get_ident())
        found = known.get(id(module))
        if (
            found is None
            or state is None
            or not state.frames
            or regions
            or user_hooks.registered
            or recorder.open_graph is not None
            or current_node() is not None
            or graph_task() != -1
        ):
            enter(module, args)
            return
        scope = state.scope
        call = len(calls)
        add_module(found[1])
        add_parent(scope)
        add_phase(_FORWARD)
        add_inputs(nbytes(args) if memory else 0)
        add_outputs(0)
        state.frames.append(Frame(module, call, scope, _FORWARD))
        state.scope, state.phase = call, _FORWARD
        sequence = sequence_number()
        if sequence > state.marked:  # noqa: PLR1730 - a call of max costs more
            state.marked = sequence
        mark_thread(state.number)
        mark_sequence(state.marked)
        mark_scope(call)
        add_event(call << CODE_BITS | _ENTER)

    def after(module: nn.Module, args: tuple[Any, ...], *rest: Any) -> None:
        if is_dynamo_compiling():
            return
        state = states.get(get_ident())
        frames = state.frames if state is not None else ()
        if (
            state is None
            or len(frames) < 2  # noqa: PLR2004 - the outermost one
            or frames[-1].module is not module
            or regions
            or user_hooks.registered
            or recorder.open_graph is not None
            or current_node() is not None
            or state.scope != frames[-1].call
        ):
            leave(module, args, rest[-1])
            return
        frame = frames.pop()
        call, scope = frame.call, frame.scope
        if memory:
            outputs[call] = nbytes(rest[-1])
            keywords = rest[0] if len(rest) > 1 else keyword_arguments(1)
            if keywords:
                inputs[call] += nbytes((args, keywords)) - nbytes(args)
        sequence = sequence_number()
        if sequence > state.marked:  # noqa: PLR1730 - a call of max costs more
            state.marked = sequence
        mark_thread(state.number)
        mark_sequence(state.marked)
        mark_scope(scope)
        add_event(call << CODE_BITS | _EXIT)
        state.scope = scope
        outer = frames[-1]
        state.phase = outer.phase if scope == outer.call else recorder.phase_outside(state)

    return before, after
