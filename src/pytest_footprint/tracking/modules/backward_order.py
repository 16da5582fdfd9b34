"""Hooks on autograd nodes, there while a backward runs: they tell the order in which it reaches modules."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any, Self

import torch
from torch.utils.hooks import RemovableHandle

from pytest_footprint.trace.scopes import Scopes
from pytest_footprint.tracking.engine_patch import backwards_run_in
from pytest_footprint.tracking.internals import ACCUMULATE_GRAD, current_node, is_traced, never_compiled
from pytest_footprint.tracking.modules.backward_watch import BackwardWatch
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.saved_graph import grad_fn


class BackwardOrder:
    """Notes which nodes each backward runs, as far as that tells which modules it reaches.

    When a backward begins its graph is walked once, and a hook is put on each node that may be the first of its module
    call to run: no other node of that call hands it a gradient. Whatever order the engine takes, one of those comes
    first. All are gone when the backward is over, also when it failed. A backward that records a graph of its own is
    watched at every operator besides.
    """

    def __init__(self, recorder: Recorder, scopes: Scopes) -> None:
        self._recorder = recorder
        self._scopes = scopes
        self._hooks: list[list[RemovableHandle]] = []
        """One list for each backward that runs."""
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        never_compiled(BackwardOrder._reached)
        never_compiled(BackwardWatch.__torch_dispatch__)
        with ExitStack() as undo:
            undo.callback(self._remove_all)
            undo.enter_context(backwards_run_in(self._followed))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    def _remove_all(self) -> None:
        """The recording may end inside a backward."""
        for hooks in self._hooks:
            _remove(hooks)

    @contextmanager
    def _followed(self, roots: Sequence[Any], creates_graph: bool) -> Generator[None]:  # noqa: FBT001 - autograd's own
        if is_traced():
            yield
            return
        with ExitStack() as undo:
            self._begin(undo, creates_graph=creates_graph)
            with torch._C.DisableTorchFunction():  # a tensor subclass may have ideas of its own about ``grad_fn``
                nodes = [node for root in roots if (node := _node(root)) is not None]
            hooks: list[RemovableHandle] = []
            self._hooks.append(hooks)
            undo.callback(self._hooks.remove, hooks)
            undo.callback(_remove, hooks)
            self._hook(nodes, hooks)
            del nodes, roots  # the graph dies when the program lets go of it
            yield

    def _begin(self, undo: ExitStack, *, creates_graph: bool) -> None:
        """Record that a backward begins, and in ``undo`` what is to do at its end."""
        recorder = self._recorder
        watched = recorder.creates_graph
        if recorder.open_graph is None:
            recorder.begin_graph(recorder.state(), (), creates_graph=creates_graph)
            undo.callback(recorder.leave_graph_of, recorder.graphs)
        elif creates_graph and not watched:
            recorder.creates_graph = True
            undo.callback(setattr, recorder, "creates_graph", False)
        if creates_graph and not watched:
            undo.enter_context(BackwardWatch(recorder))

    def _hook(self, roots: Iterable[Any], hooks: list[RemovableHandle]) -> None:
        add, reached = hooks.append, self._reached
        for node in self._may_be_first(roots):
            add(node.register_prehook(reached))  # at once: what was put there must go

    def _may_be_first(self, roots: Iterable[Any]) -> list[Any]:
        """The nodes of module calls that get no gradient from a node of the same call."""
        made_in, accumulate_grad = self._scopes.finder(self._recorder.state().number), ACCUMULATE_GRAD
        calls = {node: made_in(node._sequence_nr()) for node in roots if node._sequence_nr() != accumulate_grad}
        later: set[Any] = set()
        waiting = list(calls)
        known, put_off, wait, take = calls.get, later.add, waiting.append, waiting.pop
        while waiting:
            node = take()
            call = calls[node]
            for below, _ in node.next_functions:
                if below is None:
                    continue
                found = known(below)
                if found is None:
                    sequence = below._sequence_nr()
                    if sequence == accumulate_grad:
                        continue
                    found = calls[below] = made_in(sequence)
                    wait(below)
                if found == call:
                    put_off(below)
        return [node for node, call in calls.items() if call >= 0 and node not in later]

    def _reached(self, *_: object) -> None:
        """The node that runs now is about to compute."""
        recorder = self._recorder
        state = recorder.states.get(get_ident()) or recorder.state()
        if recorder.creates_graph:
            recorder.follow(state)  # a hook on its gradient may have reached it
        else:
            node: Any = current_node()
            recorder.reach(state, node, node._sequence_nr())


def _node(root: Any) -> Any:
    return grad_fn(root) if isinstance(root, torch.Tensor) else getattr(root, "node", None)


def _remove(hooks: list[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()
    hooks.clear()
