"""Tells user hooks when backward enters and leaves a module, from the gradients of its outputs and inputs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from threading import get_ident
from typing import Any

import torch
from torch import nn

from pytest_footprint.tracking.internals import (
    BackwardCFunction,
    current_node,
    graph_task,
    is_reached_by_backward,
    when_backward_ends,
)
from pytest_footprint.tracking.modules.user_hooks import UserHooks
from pytest_footprint.tracking.modules.user_hooks_tensor import HookedCall, TensorHook


@dataclass(slots=True)
class _Backward:
    """One backward that runs."""

    thread: int
    entered: dict[HookedCall, dict[TensorHook, weakref.ref[torch.Tensor]]] = field(default_factory=dict)
    """The gradients of its inputs that came already, for each call that was entered."""
    left: set[HookedCall] = field(default_factory=set)
    leaves: list[tuple[TensorHook, HookedCall]] = field(default_factory=list)


class BackwardHooks:
    """Puts hooks on the inputs and outputs of module calls while user hooks wait for a backward.

    A module is entered when the first gradient of its outputs comes, and left when the last gradient of its inputs has
    come, or else when the backward ends: those without such inputs, modules before the modules around them.
    """

    def __init__(self, user: UserHooks) -> None:
        self._user = user
        self._hooks: set[weakref.ref[TensorHook]] = set()
        """Each leaves it when its hook dies."""
        self._clock = count()
        self._open: dict[int, HookedCall] = {}
        self._backwards: dict[int, _Backward] = {}
        self.told: dict[int, int] = {}
        """Thread -> row of the call that a user hook is being told of."""

    def forward_begins(self, module: nn.Module, row: int, inputs: Iterable[torch.Tensor]) -> None:
        """Await the gradients of the inputs of call ``row``."""
        if self._backwards:
            self._forget_failed()
        if not _records_graph():
            return
        call = self._open[row] = HookedCall(module, row, next(self._clock))
        for tensor in inputs:
            if tensor.requires_grad:
                self._hook_on(tensor).add_input_of(call)

    def forward_ends(self, row: int, outputs: Iterable[torch.Tensor]) -> None:
        """Await the gradients of the outputs of call ``row``; without any, nothing is awaited of its inputs either."""
        call = self._open.pop(row, None)
        if call is not None:
            call.ended = next(self._clock)
            for tensor in outputs:
                if tensor.requires_grad:
                    self._hook_on(tensor).add_output_of(call)

    def remove_all(self) -> None:
        """Leave no hook on any tensor."""
        for reference in tuple(self._hooks):
            hook = reference()
            if hook is not None:
                hook.remove()
        self._open.clear()
        self._backwards.clear()

    def gradient_came(self, hook: TensorHook, gradient: torch.Tensor) -> None:
        """Backward has the gradient of a hooked tensor: it leaves what took the tensor, and enters what returned it.

        Last in forward is first in backward, so a module that returns what it was given is entered and left in turn.
        """
        backward = self._backward()
        if len(hook.outputs_of) == len(hook.inputs_of) == 1 and not hook.on_leaf:
            returned, taken = hook.outputs_of[0], hook.inputs_of[0]()
            if taken is not None and taken.began > returned.ended:  # from one module to the next: by far the commonest
                if taken in backward.entered:
                    self._input_came(backward, taken, hook, gradient)
                self._enter(backward, returned, gradient)
                return
        steps = [(call.ended, True, call) for call in hook.outputs_of]
        steps += [(call.began, False, call) for reference in hook.inputs_of if (call := reference()) is not None]
        if len(steps) > 1:
            steps.sort(key=_moment, reverse=True)
        left: list[HookedCall] = []
        for _, enters, call in steps:
            if enters:
                if left:
                    self._inputs_came(backward, left, hook, gradient)
                    left = []
                self._enter(backward, call, gradient)
                if hook.on_leaf:
                    backward.leaves.append((hook, call))
            else:
                left.append(call)
        if left:
            self._inputs_came(backward, left, hook, gradient)

    def _backward(self) -> _Backward:
        number = graph_task()
        found = self._backwards.get(number)
        if found is None:
            found = self._backwards[number] = _Backward(get_ident())
            when_backward_ends(lambda: self._end(number))
        return found

    def _enter(self, backward: _Backward, call: HookedCall, gradient: torch.Tensor) -> None:
        if call not in backward.entered:
            backward.entered[call] = {}
            self._tell(self._user.pre_bw_hook, call, (gradient,))

    def _inputs_came(
        self, backward: _Backward, calls: list[HookedCall], hook: TensorHook, gradient: torch.Tensor
    ) -> None:
        for call in reversed(calls):  # as torch's: modules that share an input are left outermost first
            if call in backward.entered:
                self._input_came(backward, call, hook, gradient)

    def _input_came(self, backward: _Backward, call: HookedCall, hook: TensorHook, gradient: torch.Tensor) -> None:
        came = backward.entered[call]
        came[hook] = weakref.ref(gradient)
        if len(came) < len(call.inputs):
            inputs = (reference() for reference in call.inputs)
            if any(other is not None and other not in came and _will_come(other) for other in inputs):
                return
        self._leave(backward, call)

    def _leave(self, backward: _Backward, call: HookedCall) -> None:
        if call in backward.left:
            return
        backward.left.add(call)
        came = backward.entered[call]
        gradients: list[torch.Tensor | None] = []
        for reference in call.inputs:
            hook = reference()
            found = came.get(hook) if hook is not None else None
            # Weakly held until here: a hook that kept the first gradient for the last would cost the program memory.
            gradients.append(found() if found is not None else None)
        self._tell(self._user.post_bw_hook, call, tuple(gradients))

    def _end(self, number: int) -> None:
        backward = self._backwards.pop(number, None)
        if backward is None:
            return
        waiting = [call for call in backward.entered if call not in backward.left]
        for call in sorted(waiting, key=lambda call: call.began, reverse=True):
            self._leave(backward, call)
        for hook, call in backward.leaves:
            if call in hook.outputs_of:
                hook.forget_output_of(call)

    def _tell(self, user_hook: Callable[[Any, Any], object] | None, call: HookedCall, gradients: Any) -> None:
        if user_hook is None:
            return
        thread = get_ident()
        before = self.told.get(thread)
        self.told[thread] = call.row
        try:
            user_hook(call.module(), gradients)
        finally:
            if before is None:
                del self.told[thread]
            else:
                self.told[thread] = before

    def _forget_failed(self) -> None:
        """The engine does not say that a backward has failed; but a thread that is in none has none running."""
        if graph_task() == -1:
            thread = get_ident()
            for number in [number for number, each in self._backwards.items() if each.thread == thread]:
                del self._backwards[number]

    def _hook_on(self, tensor: torch.Tensor) -> TensorHook:
        hooks: dict[int, Any] | None = getattr(tensor, "_backward_hooks", None)
        if hooks:
            for hook in hooks.values():
                if type(hook) is TensorHook and hook.owner is self:
                    return hook
        found = TensorHook(tensor, self)
        self._hooks.add(weakref.ref(found, self._hooks.discard))
        return found


def _moment(step: tuple[int, bool, HookedCall]) -> int:
    return step[0]


def _records_graph() -> bool:
    """Whether a backward may go through what runs now.

    A checkpoint without reentrant backward recomputes values, and goes through the graph of the first run. The
    reentrant kind, a Python function's backward, goes through the graph of the recomputation.
    """
    if not torch.is_grad_enabled():
        return False
    return graph_task() == -1 or isinstance(current_node(), BackwardCFunction)


def _will_come(hook: TensorHook) -> bool:
    """Whether this backward brings the gradient of a hooked tensor.

    When only its node is left of the tensor, some graph needs it: this one, as far as anyone can tell.
    """
    tensor = hook.tensor()
    return tensor is None or is_reached_by_backward(tensor)
