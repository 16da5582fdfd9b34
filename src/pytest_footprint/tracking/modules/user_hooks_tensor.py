"""What a hooked tensor knows of the module calls that take or return it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn


class Listener(Protocol):
    """Hears of gradients."""

    def gradient_came(self, hook: TensorHook, gradient: torch.Tensor) -> None:
        """Backward has the gradient of the tensor that ``hook`` is on."""


class HookedCall:
    """One module call whose outputs' and inputs' gradients are awaited.

    The hooks on its outputs own it, so it dies with the graph. It holds no tensor and no node: a reference from a hook
    to its own graph would be a cycle that keeps activations alive.
    """

    __slots__ = ("__weakref__", "began", "ended", "inputs", "module", "row")

    def __init__(self, module: nn.Module, row: int, began: int) -> None:
        self.module = weakref.ref(module)
        self.row = row
        """Its row in the trace's ``call_*``."""
        self.began = began
        self.ended = began
        """Both count the beginnings and ends of all calls."""
        self.inputs: list[weakref.ref[TensorHook]] = []


class TensorHook:
    """The one hook on a tensor, for all the calls that take or return it."""

    __slots__ = ("__weakref__", "_handle", "inputs_of", "on_leaf", "outputs_of", "owner", "tensor")

    __torch_unserializable__ = True
    """Tensors are pickled without it, and without torch's warning that it is lost."""

    def __init__(self, tensor: torch.Tensor, owner: Listener) -> None:
        self.tensor = weakref.ref(tensor)
        self.outputs_of: list[HookedCall] = []
        self.inputs_of: list[weakref.ref[HookedCall]] = []
        self.owner = owner
        self.on_leaf = tensor.is_leaf
        """Whether no graph holds it, but a parameter or another leaf."""
        self._handle = tensor.register_hook(self)

    def __call__(self, gradient: torch.Tensor) -> None:
        """Torch has the tensor's gradient."""
        self.owner.gradient_came(self, gradient)

    def add_input_of(self, call: HookedCall) -> None:
        """The tensor is an input of ``call``."""
        self.inputs_of.append(weakref.ref(call, _forget_in(weakref.ref(self))))
        call.inputs.append(weakref.ref(self))

    def add_output_of(self, call: HookedCall) -> None:
        """``call`` returned the tensor, which then owns the call."""
        if call in self.outputs_of:
            return
        if self.on_leaf:
            # No graph owns the calls that return a leaf, a parameter say: where no backward came, the next call of the
            # module takes the place of the one before.
            self.outputs_of = [other for other in self.outputs_of if other.module() is not call.module()]
        self.outputs_of.append(call)

    def forget_input_of(self, call: weakref.ref[HookedCall]) -> None:
        """``call`` is over, or its graph is dead."""
        self.inputs_of.remove(call)
        self._remove_if_idle()

    def forget_output_of(self, call: HookedCall) -> None:
        """``call`` is over."""
        self.outputs_of.remove(call)
        self._remove_if_idle()

    def remove(self) -> None:
        """Take the hook off the tensor, whatever is awaited."""
        self._handle.remove()
        self.outputs_of.clear()

    def _remove_if_idle(self) -> None:
        if not self.outputs_of and not self.inputs_of:
            self._handle.remove()


def _forget_in(hook: weakref.ref[TensorHook]) -> Callable[[weakref.ref[HookedCall]], None]:
    def forget(call: weakref.ref[HookedCall]) -> None:
        found = hook()
        if found is not None and call in found.inputs_of:
            found.forget_input_of(call)

    return forget
