"""Calls of plain modules, on a way that is shorter than torch's: part of the hot path."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

import torch
from torch import nn
from torch.compiler import is_dynamo_compiling

from pytest_footprint.trace.events import CODE_BITS, Event, Phase
from pytest_footprint.tracking.internals import GLOBAL_HOOKS, graph_task, is_jit_tracing, sequence_number
from pytest_footprint.tracking.modules.user_hooks import UserHooks
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import all_tensors_in, hint
from pytest_footprint.tracking.thread_state import Frame

_ENTER, _EXIT, _FORWARD = int(Event.ENTER), int(Event.EXIT), int(Phase.FORWARD)

Call = Callable[..., Any]
"""What stands in for ``nn.Module.__call__``."""


def caller(  # noqa: C901, PLR0913, PLR0915, PLR0917 - three functions in one, their names bound once
    recorder: Recorder,
    leave: Callable[[nn.Module, tuple[Any, ...], object], None],
    tell_begin: Callable[[nn.Module, int, tuple[Any, ...], dict[str, Any]], None],
    tell_end: Callable[[nn.Module, int, tuple[Any, ...], object], None],
    regions: set[int],
    user_hooks: UserHooks,
    hooks: tuple[int, int],
    original: Call,
    *,
    memory: bool,
) -> Call:
    """A ``nn.Module.__call__`` that calls the forward of a plain module itself, between the rows of both its ends.

    torch calls hooks from a function of its own, at each call, which takes longer than all that is recorded there. A
    module is plain when it has no hooks and is not compiled in place; and it must be known, and called from within
    another one, outside backward. All others, and all while other global hooks than ours (``hooks``, by number) are
    there, take torch's way, ``original``, and are seen by our hooks.

    A closure, as `hot_path` is one. ``tell_begin`` and ``tell_end`` tell hooks of the user. What is not common when a
    forward is over is left to ``leave``, which tells them too.
    """
    states, known, trace, live = recorder.states, recorder.names.known, recorder.trace, recorder.live
    add_module, add_parent = trace.call_module.append, trace.call_parent.append
    add_phase, add_inputs = trace.call_phase.append, trace.call_inputs.append
    add_outputs, add_event = trace.call_outputs.append, trace.events.append
    mark_thread, mark_sequence = trace.mark_thread.append, trace.mark_sequence.append
    mark_scope = trace.mark_scope.append
    calls, outputs = trace.call_module, trace.call_outputs
    tensor_type = torch.Tensor
    our_before, our_after = hooks
    before_backward, after_backward, before_forward, after_forward = GLOBAL_HOOKS
    kinds: dict[type, bool] = {}

    def plain(kind: type) -> bool:
        found = kinds[kind] = kind._call_impl is nn.Module._call_impl  # type: ignore[attr-defined]
        return found

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

    def call(module: nn.Module, /, *args: Any, **kwargs: Any) -> Any:  # noqa: C901, PLR0915 - the hot path
        __tracebackhide__ = True
        if is_dynamo_compiling():
            return original(module, *args, **kwargs)  # dynamo traces this: what is compiled is one opaque region
        state = states.get(get_ident())
        found = known.get(id(module))
        if (
            found is None
            or state is None
            or not state.frames
            or module._forward_hooks
            or module._forward_pre_hooks
            or module._backward_hooks
            or module._backward_pre_hooks
            or module._compiled_call_impl is not None
            or len(before_forward) != 1
            or len(after_forward) != 1
            or our_before not in before_forward
            or our_after not in after_forward
            or before_backward
            or after_backward
            or regions
            or recorder.open_graph is not None
            or graph_task() != -1
            or is_jit_tracing()
            or not (kinds.get(type(module)) or plain(type(module)))
            or "_call_impl" in module.__dict__
        ):
            return original(module, *args, **kwargs)
        scope = state.scope
        number = len(calls)
        add_module(found[1])
        add_parent(scope)
        add_phase(_FORWARD)
        add_inputs(nbytes((args, kwargs) if kwargs else args) if memory else 0)
        add_outputs(0)
        frames = state.frames
        frame = Frame(module, number, scope, _FORWARD)
        frames.append(frame)
        state.scope, state.phase = number, _FORWARD
        sequence = sequence_number()
        if sequence > state.marked:  # noqa: PLR1730 - a call of max costs more
            state.marked = sequence
        mark_thread(state.number)
        mark_sequence(state.marked)
        mark_scope(number)
        add_event(number << CODE_BITS | _ENTER)

        try:
            if user_hooks.registered:
                tell_begin(module, number, args, kwargs)
            output = module.forward(*args, **kwargs)
        except BaseException:
            leave(module, args, None)
            raise

        if not frames or frames[-1] is not frame or state.scope != number or regions or recorder.open_graph is not None:
            leave(module, args, output)
            return output
        if user_hooks.registered:
            try:
                tell_end(module, number, args, output)
            except BaseException:
                recorder.exit(state, 0)
                raise
        frames.pop()
        if memory:
            outputs[number] = nbytes(output)
        sequence = sequence_number()
        if sequence > state.marked:  # noqa: PLR1730
            state.marked = sequence
        mark_thread(state.number)
        mark_sequence(state.marked)
        mark_scope(scope)
        add_event(number << CODE_BITS | _EXIT)
        state.scope = scope
        outer = frames[-1] if frames else None
        state.phase = outer.phase if outer is not None and scope == outer.call else recorder.phase_outside(state)
        return output

    return call
