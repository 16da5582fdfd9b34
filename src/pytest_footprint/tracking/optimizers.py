"""Watches optimizer steps through torch's global optimizer hooks."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import tensors_in


class OptimizerWatch:
    """Records when optimizers step, and which tensors are their parameters, gradients and states."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[int, weakref.ref[Optimizer]] = {}
        self._births: dict[int, int] = {}
        """By the identity of an optimizer that steps: how many storages had been born when it began."""
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(register_optimizer_step_pre_hook(self._before).remove)
            undo.callback(register_optimizer_step_post_hook(self._after).remove)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()
        self._births.clear()
        for state in self._recorder.states.values():
            while state.optimizers:
                self._recorder.end_optimizer(state)

    def add(self, optimizer: Optimizer) -> None:
        """Take in an optimizer's parameters, gradients and states."""
        key, known = id(optimizer), self._known
        if key not in known:
            known[key] = weakref.ref(optimizer, lambda _: known.pop(key, None))
        label = self._recorder.live.label_parameter
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                label(parameter)
        self._add_states(optimizer)

    def _add_states(self, optimizer: Optimizer) -> None:
        live = self._recorder.live
        for parameter, state in optimizer.state.items():
            owner = live.owner(parameter) if isinstance(parameter, torch.Tensor) else -1
            for tensor in tensors_in(state):
                live.label(tensor, RefType.OPTIMIZER_STATE, owner)

    def refresh(self) -> None:
        """Look again at all optimizers that are known."""
        for reference in tuple(self._known.values()):
            optimizer = reference()
            if optimizer is not None:
                self.add(optimizer)

    def _before(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        recorder = self._recorder
        state = recorder.state()
        recorder.follow(state)
        self.add(optimizer)
        recorder.end_failed_steps(state, about_to_begin=1)
        recorder.begin_optimizer(state)
        self._births[id(optimizer)] = len(recorder.trace.nbytes)

    def _after(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        recorder = self._recorder
        state = recorder.state()
        recorder.follow(state)
        if self._births.pop(id(optimizer), None) == len(recorder.trace.nbytes):
            self._add_states(optimizer)  # nothing was born: its parameters and gradients are what they were
        else:
            self.add(optimizer)
        if state.optimizers:
            recorder.end_optimizer(state)
