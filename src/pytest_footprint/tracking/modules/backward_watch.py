"""A dispatch mode that sees which nodes a backward makes."""

from __future__ import annotations

from typing import Any

from pytest_footprint.tracking.internals import TorchDispatchMode, current_node
from pytest_footprint.tracking.operators.watch import takes_apart
from pytest_footprint.tracking.recorder import Recorder


class BackwardWatch(TorchDispatchMode):
    """Notes, at each operator of a backward that records a graph, which node runs it; leaves everything else alone.

    Why a mode: the nodes that an operator makes belong to the node that runs it, also where a hook on a gradient runs
    it, before any hook on that node is called.
    """

    supports_higher_order_operators = True

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Compiled code stays compiled: its modules are not watched anyway."""
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not by torch's costly wrapper: `never_compiled` does it."""
        return False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._defers: dict[tuple[type, ...], bool] = {}

    def __torch_dispatch__(
        self, func: Any, types: tuple[type, ...], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if types:
            defers = self._defers.get(types)
            if defers is None:
                defers = self._defers[types] = any(map(takes_apart, types))
            if defers:
                return NotImplemented
        recorder = self._recorder
        if current_node() is not None:
            recorder.follow(recorder.state())
        out = func(*args, **kwargs) if kwargs else func(*args)
        recorder.made_nodes()
        return out
