"""The monkeypatch of autograd's engine, to hear of every backward; gone after the last recording."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from torch.autograd import Variable

from pytest_footprint.tracking.internals import Engine, never_compiled

Around = Callable[[Sequence[Any], bool], AbstractContextManager[object]]
"""Takes a backward's roots (tensors and gradient edges) and whether it records a graph; is entered before it begins and
left when it is over or has failed."""


class _Engine(Engine):  # type: ignore[misc]
    """Autograd's engine, and runs its backwards inside the contexts of all listeners.

    ``Tensor.backward``, ``autograd.grad``, both kinds of checkpoint, functional transforms and those who call the
    engine themselves: all look it up for every backward.
    """

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Around] = []

    def run_backward(self, tensors: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        creates_graph = args[2] if len(args) > 2 else kwargs.get("create_graph", False)  # noqa: PLR2004 - its place
        around = self.begin(tensors, creates_graph)
        try:
            return super().run_backward(tensors, *args, **kwargs)
        finally:
            self.end(around)

    def begin(self, tensors: Sequence[Any], creates_graph: bool) -> ExitStack:  # noqa: FBT001 - autograd's own
        with ExitStack() as around:
            for listener in tuple(self.listeners):
                around.enter_context(listener(tensors, creates_graph))
            return around.pop_all()

    def end(self, around: ExitStack) -> None:
        around.close()


class _Patch:
    """Puts that engine in torch's place while there are listeners."""

    def __init__(self) -> None:
        self._engine = _Engine()
        self._before: Any = None

    @contextmanager
    def heard_by(self, listener: Around) -> Generator[None]:
        listeners = self._engine.listeners
        if not listeners:
            self._install()
        listeners.append(listener)
        try:
            yield
        finally:
            listeners.remove(listener)
            if not listeners:
                Variable._execution_engine = self._before

    def _install(self) -> None:
        never_compiled(_Engine.run_backward, what_it_calls=False)  # what the backward calls is the program's
        never_compiled(_Engine.begin)
        never_compiled(_Engine.end)
        self._before = Variable._execution_engine
        Variable._execution_engine = self._engine


_patch = _Patch()


def backwards_run_in(around: Around) -> Any:
    """Each backward that is entered from Python, in whatever thread, until the context ends."""
    return _patch.heard_by(around)
