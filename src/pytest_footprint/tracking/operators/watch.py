"""What the dispatch mode does seldom: operators met for the first time, and those that are not like most."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NamedTuple

import torch

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import Phase
from pytest_footprint.tracking.internals import (
    ACCUMULATE_GRAD,
    CALLED_BY_PROGRAMS,
    COPIES_PARAMETER,
    DISABLED_DISPATCH,
    TORCH_OR_OURS,
    FakeTensor,
    OpOverload,
    runs_within,
)
from pytest_footprint.tracking.operators.inside_ops import InsideOps
from pytest_footprint.tracking.operators.kinds import REFUSED_NUMBER, Makes, classify, numbers_as_tensors, op_name
from pytest_footprint.tracking.operators.sources import Sources
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import PLAIN, Owner, owner_nbytes, storages, tensors_in
from pytest_footprint.tracking.thread_state import ThreadState

_DETACH = torch.ops.aten.detach.default
_REPLACES_PARTS = frozenset({torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc})
"""What is a view, or in place, for other tensors gives these new indices or values."""
IN_BACKWARD = (int(Phase.BACKWARD), int(Phase.BACKWARD_GRAPH))
"""There is no line of the user's here but the one that called backward."""
_SHADOWS_ARE_MADE = ("/distributed/tensor/_sharding_prop.py", "\\distributed\\tensor\\_sharding_prop.py")
"""Where DTensor runs operators on fake tensors of the global shapes, also in a fake mode of the program's."""


class Known(NamedTuple):
    """What was found out about an operator when it first ran."""

    makes: Makes
    op: int
    """Its number in the trace."""
    call: Callable[..., Any]
    """Runs it, at one call into Python less than the operator itself."""
    func: Any
    """The operator, kept so that no other object can ever have its identity."""


class OperatorWatch:
    """Decides for each operator what there is to do, and does what `hot_path.dispatcher` does not.

    Args:
        recorder: writes the trace.
        source_lines: note the user's ``file:line`` of every allocation.
        inside_ops: tells the allocator's listener where each operator begins and ends; None without one.
    """

    def __init__(self, recorder: Recorder, *, source_lines: bool, inside_ops: InsideOps | None) -> None:
        self.recorder = recorder
        self.source_lines = source_lines
        self.known: dict[int, tuple[int, int, Callable[..., Any], Known]] = {}
        """By identity: an operator's own hash is a call into Python.

        What is looked at each time stands in front, as plain numbers in a plain tuple: those of an enum take longer to
        compare, and a named tuple takes longer to take apart.
        """
        self.defers_of: dict[tuple[type, ...], bool] = {}
        """By the tensor types among the arguments: whether one of them takes operators apart."""
        self.clone = recorder.trace.ops.number("aten.clone")
        self._inside_ops = inside_ops
        self._sources = Sources(recorder.trace.sources)

    def meet(self, func: Any) -> tuple[int, int, Callable[..., Any], Known]:
        """An operator runs for the first time."""
        op = self.recorder.trace.ops.number(op_name(func))
        call = func._op if type(func) is OpOverload else func
        if self._inside_ops is not None:
            call = _in_range(self._inside_ops, op, call)
        makes = classify(func)
        found = self.known[id(func)] = int(makes), op, call, Known(makes, op, call, func)
        return found

    def meet_types(self, types: tuple[type, ...]) -> bool:
        """Whether one of these tensor types takes operators apart."""
        found = self.defers_of[types] = any(map(takes_apart, types))
        return found

    def run_rare(self, entry: Known, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
        """Run an operator of a rare kind and record what it made."""
        makes, op, call, func = entry
        if makes is Makes.WAITS and isinstance(args[0], FakeTensor):
            return args[0]  # the fake kernel returns a new tensor, the real one waits for the one it was given
        unseen = self._made_unseen(args, kwargs) if makes is Makes.RESIZES else ()
        try:
            out = call(*args, **(kwargs or {}))
        except RuntimeError as error:
            if REFUSED_NUMBER not in str(error):
                raise
            out = func(*numbers_as_tensors(func, args), **(kwargs or {}))
        state = self.recorder.state()
        self.recorder.follow(state)
        if makes is Makes.RESIZES:
            self._resized(args, kwargs, op, state, unseen)
        else:
            self._perhaps(out, args, kwargs, op, state)
        if self.recorder.creates_graph:
            self.recorder.made_nodes()
        return out

    def after_view(self, entry: Known, out: object, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> None:
        """An operator that makes no memory did not return one strided tensor."""
        first = out[0] if type(out) is list and out else out
        if type(first) is torch.Tensor and first.layout in _REPLACES_PARTS:
            state = self.recorder.state()
            if args and out is args[0]:
                self.several(out, entry.op, state)
            else:
                self._perhaps(out, args, kwargs, entry.op, state)

    def saw_rng_state(self, tensor: torch.Tensor) -> None:
        """``torch.get_rng_state`` made a tensor without an operator."""
        state = self.recorder.state()
        self.recorder.follow(state)
        self.several(tensor, self.recorder.trace.ops.number("torch.get_rng_state"), state)

    def cloned(self, tensor: torch.Tensor) -> None:
        """A clone was made, perhaps one that becomes a parameter."""
        if runs_within(sys._getframe(4), COPIES_PARAMETER):
            self.recorder.live.label(tensor, RefType.PARAMETER)

    def several(self, out: object, op: int, state: ThreadState) -> None:
        """An operator returned ``out``: whatever memory below it is new was made by it."""
        live = self.recorder.live
        for tensor in tensors_in(out):
            if isinstance(tensor, FakeTensor) and _is_shadow(sys._getframe(3)):
                continue
            for owner, plain in storages(tensor):
                found = live.by_id.get(id(owner))
                if found is None:
                    self._add(owner, plain, op, state)
                else:
                    live.check_size(owner, found)

    def _add(self, owner: Owner, plain: torch.Tensor, op: int, state: ThreadState, before: int = 0) -> None:
        line = self.source() if self.source_lines and state.phase not in IN_BACKWARD else -1
        phase = self.recorder.phase_now(state)
        self.recorder.live.add_resized(before, owner, plain, op, state.scope, phase, line)

    def source(self) -> int:
        """The number of the user's line that called the operator."""
        return self._sources.here(sys._getframe(3))

    def _perhaps(
        self, out: object, args: tuple[Any, ...], kwargs: dict[str, Any] | None, op: int, state: ThreadState
    ) -> None:
        """What the operator was not given, and nobody knows, it made."""
        recorder = self.recorder
        given = {id(owner) for tensor in tensors_in((args, kwargs)) for owner, _ in storages(tensor)}
        for tensor in tensors_in(out):
            for owner, plain in storages(tensor):
                if id(owner) not in given and id(owner) not in recorder.live.by_id:
                    self._add(owner, plain, op, state)

    def _made_unseen(
        self, args: tuple[Any, ...], kwargs: dict[str, Any] | None
    ) -> list[tuple[Owner, torch.Tensor, int]]:
        """Storages that are not known, with the bytes that they had before the operator."""
        alive = self.recorder.live.by_id
        pairs = [pair for tensor in tensors_in((args, kwargs)) for pair in storages(tensor)]
        return [(owner, plain, owner_nbytes(owner)) for owner, plain in pairs if id(owner) not in alive]

    def _resized(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        op: int,
        state: ThreadState,
        unseen: Sequence[tuple[Owner, torch.Tensor, int]],
    ) -> None:
        recorder = self.recorder
        for owner, plain, before in unseen:
            if owner_nbytes(owner) != before:
                self._add(owner, plain, op, state, before)
        for tensor in tensors_in((args, kwargs)):
            for owner, _ in storages(tensor):
                found = recorder.live.by_id.get(id(owner))
                if found is not None:
                    recorder.live.check_size(owner, found)

    def accumulates(self, entry: Known, node: Any, args: tuple[Any, ...], state: ThreadState) -> None:
        """An operator ran while a leaf accumulates its gradient."""
        recorder = self.recorder
        if entry.makes is not Makes.NOTHING or recorder.open_graph is None:
            recorder.reach(state, node, ACCUMULATE_GRAD)
            return
        leaf = node.variable
        recorder.live.remember_leaf(leaf)
        if entry.func is _DETACH and not state.optimizers:
            # The leaf takes the incoming gradient over as its own.
            gradient = args[0]
            if type(gradient) is torch.Tensor or not (
                isinstance(gradient, FakeTensor) and _is_shadow(sys._getframe(2))
            ):
                recorder.live.label_as_gradient(gradient, leaf)


def _is_shadow(frame: FrameType | None) -> bool:
    """Whether this is DTensor working out shapes: no memory stands behind that.

    It looks no further than to a frame that DTensor calls nothing through: the program's own, a module's, an
    optimizer's.
    """
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(CALLED_BY_PROGRAMS) or not file.startswith(TORCH_OR_OURS):
            return False
        if file.endswith(_SHADOWS_ARE_MADE):
            return True
        frame = frame.f_back
    return False


def _in_range(inside_ops: InsideOps, op: int, call: Callable[..., Any]) -> Callable[..., Any]:
    def ranged(*args: Any, **kwargs: Any) -> Any:
        with inside_ops.range(op):
            return call(*args, **kwargs)

    return ranged


def takes_apart(kind: type) -> bool:
    """Whether a tensor type has a ``__torch_dispatch__`` that runs the operator on inner tensors."""
    if kind in PLAIN or issubclass(kind, FakeTensor):
        return False
    return kind.__torch_dispatch__ is not DISABLED_DISPATCH  # type: ignore[attr-defined]
