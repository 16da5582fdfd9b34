"""The dispatch mode's work: what to record after each operator. This is the hot path."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import get_ident
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import Phase
from pytest_footprint.tracking.inside_ops import InsideOps
from pytest_footprint.tracking.internals import (
    ACCUMULATE_GRAD,
    COPIES_PARAMETER,
    current_node,
    runs_within,
)
from pytest_footprint.tracking.operators import REFUSED_NUMBER, Makes, classify, numbers_as_tensors, op_name
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages import Owner, owner_nbytes, plain_storage, storages, tensors_in
from pytest_footprint.tracking.thread_state import ThreadState

_NOTHING, _ONE = Makes.NOTHING, Makes.ONE
_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)
_DETACH = torch.ops.aten.detach.default
_REPLACES_PARTS = frozenset({torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc})
"""What is a view, or in place, for other tensors gives these new indices or values."""
_DTENSOR_FILES = "torch/distributed/tensor/"


class OperatorWatch:
    """Runs operators for the dispatch mode and records what memory they made."""

    def __init__(self, recorder: Recorder, *, source_lines: bool) -> None:
        self._recorder = recorder
        self._source_lines = source_lines
        self.inside_ops: InsideOps | None = None
        """Listens to the allocator while it is wanted."""
        self._known: dict[int, tuple[Makes, int, Any]] = {}
        """By identity, which operators keep for good: their own hash is a call into Python."""
        self._defers: dict[tuple[type, ...], bool] = {}
        self._clone = recorder.trace.ops.number("aten.clone")
        self._shadow_modes: dict[int, bool] = {}

    def __call__(  # noqa: C901, PLR0912, PLR0915 - the hot path: no calls that a branch can save
        self, func: Any, types: tuple[type, ...], args: tuple[Any, ...], kwargs: dict[str, Any] | None
    ) -> Any:
        """Run ``func``; ``NotImplemented`` where a tensor subclass shall take it apart first."""
        if types:
            defers = self._defers.get(types)
            if defers is None:
                defers = self._defers[types] = any(map(takes_apart, types))
            if defers:
                return NotImplemented
        known = self._known.get(id(func))
        if known is None:
            known = self._meet(func)
        makes = known[0]
        if makes is Makes.WAITS and isinstance(args[0], FakeTensor):
            return args[0]  # the fake kernel returns a new tensor, the real one waits for the one it was given
        unseen = self._made_unseen(args, kwargs) if makes is Makes.RESIZES else ()
        try:
            if self.inside_ops is None:
                out = func(*args, **kwargs) if kwargs else func(*args)
            else:
                with self.inside_ops.range(known[1]):
                    out = func(*args, **kwargs) if kwargs else func(*args)
        except RuntimeError as error:
            if REFUSED_NUMBER not in str(error):
                raise
            out = func(*numbers_as_tensors(func, args), **(kwargs or {}))

        if makes is _NOTHING:
            first = out[0] if type(out) is list and out else out
            if type(first) is torch.Tensor and first.layout in _REPLACES_PARTS:
                makes = Makes.MANY if args and out is args[0] else Makes.PERHAPS
        recorder = self._recorder
        node = current_node()
        if node is None:
            if recorder.open_graph is not None:
                recorder.leave_graph()
            if makes is _NOTHING:
                return out
            state = recorder.states.get(get_ident()) or recorder.state()
        else:
            state = recorder.states.get(get_ident()) or recorder.state()
            sequence = node._sequence_nr()
            if sequence != state.sequence or sequence == ACCUMULATE_GRAD:
                self._reached(func, node, sequence, args, state)
            if makes is _NOTHING:
                return out

        if makes is _ONE:
            if type(out) is torch.Tensor:
                self._one(out, known[1], state)
            else:
                self._several(out, known[1], state)
        elif makes is Makes.MANY:
            self._several(out, known[1], state)
        elif makes is Makes.PERHAPS:
            self._perhaps(out, args, kwargs, known[1], state)
        else:
            self._resized(args, kwargs, known[1], state, unseen)
        if recorder.creates_graph:
            recorder.made_nodes()
        return out

    def saw_rng_state(self, tensor: torch.Tensor) -> None:
        """``torch.get_rng_state`` made a tensor without an operator."""
        state = self._recorder.state()
        self._recorder.follow(state)
        self._several(tensor, self._recorder.trace.ops.number("torch.get_rng_state"), state)

    def _one(self, tensor: torch.Tensor, op: int, state: ThreadState) -> None:
        """The commonest case: one plain tensor."""
        recorder = self._recorder
        storage = plain_storage(tensor)
        if storage is None:
            self._several(tensor, op, state)
            return
        found = recorder.alive.get(id(storage))
        if found is not None:
            recorder.check_size(storage, found)
            return
        recorder.add(
            storage,
            tensor,
            op,
            state.scope,
            recorder.phase_now(state),
            self._source(state),
        )
        if op == self._clone and runs_within(sys._getframe(3), COPIES_PARAMETER):
            recorder.label(tensor, RefType.PARAMETER)

    def _several(self, out: object, op: int, state: ThreadState) -> None:
        recorder = self._recorder
        for tensor in tensors_in(out):
            if isinstance(tensor, FakeTensor) and self._is_shadow(tensor):
                continue
            recorder.born(tensor, op, state, self._source(state))

    def _perhaps(
        self, out: object, args: tuple[Any, ...], kwargs: dict[str, Any] | None, op: int, state: ThreadState
    ) -> None:
        """What the operator was not given, and nobody knows, it made."""
        recorder = self._recorder
        given = {id(owner) for tensor in tensors_in((args, kwargs)) for owner, _ in storages(tensor)}
        for tensor in tensors_in(out):
            for owner, plain in storages(tensor):
                if id(owner) not in given and id(owner) not in recorder.alive:
                    recorder.add(owner, plain, op, state.scope, recorder.phase_now(state), self._source(state))

    def _made_unseen(
        self, args: tuple[Any, ...], kwargs: dict[str, Any] | None
    ) -> list[tuple[Owner, torch.Tensor, int]]:
        """Storages that are not known, with the bytes that they had before the operator."""
        alive = self._recorder.alive
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
        recorder = self._recorder
        for owner, plain, before in unseen:
            if owner_nbytes(owner) > before:
                recorder.add(owner, plain, op, state.scope, recorder.phase_now(state), self._source(state))
        for tensor in tensors_in((args, kwargs)):
            for owner, _ in storages(tensor):
                found = recorder.alive.get(id(owner))
                if found is not None:
                    recorder.check_size(owner, found)

    def _reached(self, func: Any, node: Any, sequence: int, args: tuple[Any, ...], state: ThreadState) -> None:
        recorder = self._recorder
        recorder.reach(state, node, sequence)
        if sequence == ACCUMULATE_GRAD and func is _DETACH and not state.optimizers:
            # The leaf takes the incoming gradient over as its own.
            recorder.label(args[0], RefType.GRADIENT, recorder.owner(node.variable))

    def _meet(self, func: Any) -> tuple[Makes, int, Any]:
        # The operator is kept along, so that no other object can ever have its identity.
        known = self._known[id(func)] = (classify(func), self._recorder.trace.ops.number(op_name(func)), func)
        return known

    def _source(self, state: ThreadState) -> int:
        if not self._source_lines or state.phase in (Phase.BACKWARD, Phase.BACKWARD_GRAPH):
            return -1  # in backward there is no line of the user's but the one that called it
        recorder = self._recorder
        name = recorder.sources.here(sys._getframe(3))
        return -1 if name is None else recorder.trace.sources.number(name)

    def _is_shadow(self, tensor: FakeTensor) -> bool:
        """Whether this is DTensor working out shapes in a fake mode of its own: no memory stands behind that."""
        key = id(tensor.fake_mode)
        found = self._shadow_modes.get(key)
        if found is None:
            frame = sys._getframe(3)
            found = False
            while frame is not None and not found:
                found = _DTENSOR_FILES in frame.f_code.co_filename.replace("\\", "/")
                frame = frame.f_back  # type: ignore[assignment]
            self._shadow_modes[key] = found
        return found


def takes_apart(kind: type) -> bool:
    """Whether a tensor type has a ``__torch_dispatch__`` that runs the operator on inner tensors."""
    if kind in _PLAIN_TYPES or issubclass(kind, FakeTensor):
        return False
    return kind.__torch_dispatch__ is not torch._C._disabled_torch_dispatch_impl  # type: ignore[attr-defined]
