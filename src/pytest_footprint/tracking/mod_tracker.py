"""`ModTracker`: which modules ran, in which order, and hooks around each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import get_ident
from typing import Any

import torch
from torch import nn

from pytest_footprint.model.hierarchy import Hierarchy
from pytest_footprint.model.structure import Structure
from pytest_footprint.trace.order import hierarchy
from pytest_footprint.tracking.internals import keyword_arguments
from pytest_footprint.tracking.module_tracker import ModuleTracker
from pytest_footprint.tracking.modules.backward_order import BackwardOrder
from pytest_footprint.tracking.modules.structure import structure
from pytest_footprint.tracking.modules.user_hooks import Backward, PostForward, PreForward, UserHooks
from pytest_footprint.tracking.modules.user_hooks_backward import BackwardHooks
from pytest_footprint.tracking.modules.watch import ModuleWatch
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import all_tensors_in


class ModTracker(ModuleTracker):
    """A `ModuleTracker` that keeps the order of all calls and tells hooks of them.

    A module takes part in `backward` when a backward runs an autograd node that its forward made, even one that only
    hands gradients on, as an addition does; in the `backward` of a `Footprint` such a module has no place. While a
    backward runs, and only then, there are hooks on nodes of its graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hooks = UserHooks()
        self._gradients = BackwardHooks(self._hooks)
        self._modules = _HookedModuleWatch(self._recorder, self._hooks, self._gradients)
        self._order = BackwardOrder(self._recorder, self._scopes)

    def get_known_fqn(self, mod: nn.Module) -> str | None:
        """The FQN of a module, None when neither it nor a module around it was called yet."""
        row = self._recorder.names.find(mod)
        return None if row is None else self._recorder.trace.module_fqn(row)

    def register_user_hooks(
        self,
        pre_fw_hook: PreForward | None = None,
        post_fw_hook: PostForward | None = None,
        pre_bw_hook: Backward | None = None,
        post_bw_hook: Backward | None = None,
    ) -> None:
        """Call these around the forward and backward of every module from now on, also in later ``with`` blocks.

        They are markers and change nothing. Each finds its module in ``parents``. What is not given stays as it is.

        Args:
            pre_fw_hook: ``(module, input)``, the positional arguments.
            post_fw_hook: ``(module, input, output)``; the output is None when the forward raised.
            pre_bw_hook: ``(module, grad_output)``, a tuple with the first gradient of its outputs that is there.
            post_bw_hook: ``(module, grad_input)``, a tuple with the gradients of its inputs that are still alive, None
                for the others; empty when no input takes one, then it is called at the end of the backward.

        Both of the backward are given None instead of a module that is dead. They are called for backwards of graphs
        that were made while one of them was registered and the context open, and run while it is open.

        Raises:
            AssertionError: a hook of that kind is registered already.
        """
        self._hooks.register(
            pre_fw_hook=pre_fw_hook, post_fw_hook=post_fw_hook, pre_bw_hook=pre_bw_hook, post_bw_hook=post_bw_hook
        )

    def clear_user_hooks(self) -> None:
        """Forget the hooks that `register_user_hooks` took."""
        self._hooks.clear()
        self._gradients.remove_all()

    @property
    def forward(self) -> tuple[str, ...]:
        """FQNs in call order."""
        return self.hierarchy().forward

    @property
    def backward(self) -> tuple[str, ...]:
        """FQNs in the order in which backward reached them."""
        return self.hierarchy().backward

    @property
    def recomputed(self) -> tuple[str, ...]:
        """FQNs of forwards that ran again during backward (activation checkpointing)."""
        return self.hierarchy().recomputed

    @property
    def calls(self) -> Counter[str]:
        """How often each module's forward ran, recomputation included."""
        return self.hierarchy().calls

    def hierarchy(self) -> Hierarchy:
        """The order of all that was recorded so far."""
        return self._order_since(0)

    def assert_before(self, first: str, second: str, *, order: str = "forward") -> None:
        """`Hierarchy.assert_before` of all that was recorded so far."""
        __tracebackhide__ = True
        self.hierarchy().assert_before(first, second, order=order)

    def assert_recomputed(self, *patterns: str) -> None:
        """`Hierarchy.assert_recomputed` of all that was recorded so far."""
        __tracebackhide__ = True
        self.hierarchy().assert_recomputed(*patterns)

    def run(self, fn: Callable[..., object], *args: Any, **kwargs: Any) -> Hierarchy:
        """Call ``fn(*args, **kwargs)`` and return the order of just that call."""
        with self:
            self._follow()
            first = len(self._recorder.trace.events)
            self._modules.expect((fn, *args, *kwargs.values()))
            fn(*args, **kwargs)
            self._follow()
            return self._order_since(first)

    @staticmethod
    def structure(model: nn.Module) -> Structure:
        """Names, shapes and dtypes of ``model.state_dict()`` in order, and which of them share their memory."""
        return structure(model)

    def _order_since(self, first: int) -> Hierarchy:
        trace = self._recorder.trace
        return hierarchy(trace, self._scopes, first, len(trace.events))

    def _install(self, undo: ExitStack) -> None:
        super()._install(undo)
        undo.callback(self._gradients.remove_all)
        undo.enter_context(self._order)

    def _call(self) -> int:
        told = self._gradients.told.get(get_ident())
        return super()._call() if told is None else told


class _HookedModuleWatch(ModuleWatch):
    """Calls the user's hooks while their module is among the parents."""

    def __init__(self, recorder: Recorder, hooks: UserHooks, gradients: BackwardHooks) -> None:
        super().__init__(recorder, memory=False, user_hooks=hooks)
        self._hooks = hooks
        self._gradients = gradients

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        if torch.compiler.is_compiling():
            return
        before = self._running(module) if self._hooks.registered else None
        super()._before(module, args, kwargs)
        if not self._hooks.registered:
            return
        call = self._running(module)
        if call is None or call == before:
            return
        self._tell_begin(
            module, call, args, keyword_arguments(1) if kwargs is None and self._hooks.need_gradients else kwargs
        )

    def _tell_begin(
        self, module: nn.Module, call: int, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None
    ) -> None:
        hooks = self._hooks
        if hooks.pre_fw_hook is not None:
            hooks.pre_fw_hook(module, args)
        if hooks.need_gradients:
            self._gradients.forward_begins(module, call, all_tensors_in((args, kwargs) if kwargs else args))

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if torch.compiler.is_compiling():
            return
        if not self._hooks.registered:
            super()._after(module, args, output)
            return
        call = self._running(module)
        if call is not None and call not in self._regions:
            try:
                self._tell_end(module, call, args, output)
            finally:
                super()._after(module, args, output)

    def _tell_end(self, module: nn.Module, call: int, args: tuple[Any, ...], output: object) -> None:
        try:
            if self._hooks.post_fw_hook is not None:
                self._hooks.post_fw_hook(module, args, output)
        finally:
            self._gradients.forward_ends(call, all_tensors_in(output))

    def _running(self, module: nn.Module) -> int | None:
        """The row of the innermost call when that is one of ``module``."""
        frames = self._recorder.state().frames
        return frames[-1].call if frames and frames[-1].module is module else None
