"""`ModuleTracker`: which modules run right now."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import Self

import torch

from pytest_footprint.trace.events import OUTSIDE
from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.tracking import internals, self_check
from pytest_footprint.tracking.modules.watch import ModuleWatch
from pytest_footprint.tracking.recorder import Recorder

GLOBAL = "Global"
"""What runs outside all modules, and around them."""


class ModuleTracker:
    """Knows which modules' forwards run in this thread or, in backward, which module's forward made the current node.

    It watches module calls and nothing else: no hook on any tensor, no dispatch mode, so the program's memory is what
    it was. Names are ``RootClass.attribute.path``; a second root of one class is ``RootClass#2``.

    A backward that records a graph of its own (``create_graph=True``) is known exactly only where ``parents`` is asked
    at each operator, since nothing else tells when the nodes of the second graph were made; `ModTracker` sees them all.

    Raises:
        UnsupportedTorchError: on entering, when this torch lacks something private that the tracker needs.
    """

    def __init__(self) -> None:
        self._recorder = Recorder(memory=False)
        self._modules = ModuleWatch(self._recorder, memory=False)
        self._scopes = Scopes(self._recorder.trace)
        self._leaves = _Leaves(self._recorder)
        self._depth = 0
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        if self._depth == 0:
            self_check.check()
            with ExitStack() as undo:
                self._install(undo)
                self._undo = undo.pop_all()
        self._depth += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._follow()
            self._undo.close()

    @property
    def parents(self) -> set[str]:
        """The FQNs of the modules that run now, and always ``"Global"``; a set of the caller's own."""
        if not self._depth:
            return {GLOBAL}
        trace = self._recorder.trace
        return {GLOBAL, *(trace.module_fqn(trace.call_module[call]) for call in self._scopes.path(self._call()))}

    @property
    def is_bw(self) -> bool:
        """Whether this thread is inside a backward."""
        return internals.graph_task() != -1

    def _install(self, undo: ExitStack) -> None:
        undo.enter_context(self._modules)

    def _follow(self) -> None:
        self._recorder.follow(self._recorder.state())

    def _call(self) -> int:
        """The innermost module call that runs in this thread, `OUTSIDE` where there is none."""
        state = self._recorder.state()
        self._recorder.follow(state)
        if self._recorder.creates_graph:
            self._recorder.made_nodes()
        if state.sequence == internals.ACCUMULATE_GRAD and not state.scope >= 0:
            return self._leaves.call(internals.accumulating_leaf())
        return self._scopes.call(state.scope)


class _Leaves:
    """Finds the call that a parameter belongs to: accumulating its gradient is its module's business."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._owners: dict[int, tuple[weakref.ref[torch.Tensor], int]] = {}
        self._last_call: dict[int, int] = {}
        self._calls = 0

    def call(self, leaf: torch.Tensor) -> int:
        """The last call of the module that holds ``leaf``, `OUTSIDE` when there is none."""
        called = self._recorder.trace.call_module
        for call in range(self._calls, len(called)):
            self._last_call[called[call]] = call
        self._calls = len(called)
        return self._last_call.get(self._owner(leaf), OUTSIDE)

    def _owner(self, leaf: torch.Tensor) -> int:
        found = self._owners.get(id(leaf))
        if found is None or found[0]() is not leaf:
            self._owners[id(leaf)] = weakref.ref(leaf), -1
            for module, row in self._recorder.names.all():
                for parameter in module._parameters.values():
                    if parameter is leaf:
                        self._owners[id(leaf)] = weakref.ref(leaf), row
                        return row
            return -1
        return found[1]
