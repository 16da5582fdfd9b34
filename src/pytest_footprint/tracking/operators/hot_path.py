"""What runs after every operator. All that is not common is `OperatorWatch`'s."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

import torch

from pytest_footprint.trace.events import Phase
from pytest_footprint.tracking.internals import ACCUMULATE_GRAD, current_node
from pytest_footprint.tracking.operators.kinds import REFUSED_NUMBER, Makes, numbers_as_tensors
from pytest_footprint.tracking.operators.watch import IN_BACKWARD, OperatorWatch
from pytest_footprint.tracking.storages.owners import PLAIN
from pytest_footprint.tracking.thread_state import ThreadState

_NOTHING, _ONE, _LAST_COMMON = int(Makes.NOTHING), int(Makes.ONE), int(Makes.LAST_COMMON)
_RECOMPUTE, _BACKWARD = int(Phase.RECOMPUTE), int(Phase.BACKWARD)

Dispatch = Callable[..., Any]
"""Runs an operator: (mode, operator, types, args, kwargs).

It returns ``NotImplemented`` where a tensor subclass shall take the operator apart first.
"""


def dispatcher(watch: OperatorWatch) -> Dispatch:  # noqa: C901, PLR0915 - one function in two, its names bound once
    """The body of the dispatch mode.

    A closure, as its variables are read faster than attributes; calls stand only where a branch cannot save them.
    `docs/decisions/014-the-hot-path.md` says what each part costs.
    """
    recorder = watch.recorder
    live, states, known, defers_of = recorder.live, recorder.states, watch.known, watch.defers_of
    by_id, add, check_size = live.by_id, live.add, live.check_size
    tensor_type, plain_types, strided = torch.Tensor, PLAIN, torch.strided
    grad_enabled, accumulate_grad = torch.is_grad_enabled, ACCUMULATE_GRAD
    lines, source, clone = watch.source_lines, watch.source, watch.clone

    def born(tensor: Any, op: int, state: ThreadState) -> None:
        try:
            storage = tensor.untyped_storage()
        except (NotImplementedError, RuntimeError, ValueError):  # sparse, mkldnn, functorch, lazy
            watch.several(tensor, op, state)
            return
        found = by_id.get(id(storage))
        if found is not None:
            check_size(storage, found)
            return
        phase = state.phase
        line = source() if lines and phase not in IN_BACKWARD else -1
        if phase > _BACKWARD:
            phase = recorder.phase_now(state)
        elif phase == _BACKWARD and grad_enabled():
            phase = _RECOMPUTE
        add(storage, tensor, op, state.scope, phase, line)
        if op == clone:
            watch.cloned(tensor)

    def dispatch(  # noqa: C901, PLR0912 - the hot path
        _: object, func: Any, types: tuple[type, ...], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if types:
            defers = defers_of.get(types)
            if defers is None:
                defers = watch.meet_types(types)
            if defers:
                return NotImplemented
        found = known.get(id(func))
        if found is None:
            found = watch.meet(func)
        makes, op, call, entry = found
        if makes > _LAST_COMMON:
            return watch.run_rare(entry, args, kwargs)
        try:
            out = call(*args, **kwargs) if kwargs else call(*args)
        except RuntimeError as error:
            if REFUSED_NUMBER not in str(error):
                raise  # from here: a frame that holds the error is a cycle, and keeps the tensors of those around it
            out = func(*numbers_as_tensors(func, args), **(kwargs or {}))

        node = current_node()
        if node is None:
            if recorder.open_graph is not None:
                recorder.leave_graph()
            if makes == _NOTHING:
                if type(out) not in plain_types or out.layout is not strided:
                    watch.after_view(entry, out, args, kwargs)
                return out
            state = states.get(get_ident()) or recorder.state()
        else:
            state = states.get(get_ident()) or recorder.state()
            sequence = node._sequence_nr()
            if sequence == accumulate_grad:
                watch.accumulates(entry, node, args, state)
            elif sequence != state.sequence:
                recorder.reach(state, node, sequence)
            if makes == _NOTHING:
                if type(out) not in plain_types or out.layout is not strided:
                    watch.after_view(entry, out, args, kwargs)
                return out

        if type(out) is tensor_type:
            born(out, op, state)
        elif type(out) is tuple and makes != _ONE:
            for each in out:
                if type(each) is tensor_type:
                    born(each, op, state)
                elif each is not None:
                    watch.several(each, op, state)
        else:
            watch.several(out, op, state)
        if node is not None and recorder.creates_graph:
            recorder.made_nodes()
        return out

    return dispatch
