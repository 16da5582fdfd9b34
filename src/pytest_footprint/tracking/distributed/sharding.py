"""Watches what FSDP2 does with the parameters that it shards, and `DistributedDataParallel` with its buckets."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

from torch import nn

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.trace.events import Event, Sharding
from pytest_footprint.tracking.distributed.ddp_buckets import buckets_are_gradients
from pytest_footprint.tracking.distributed.sharded_modules import (
    Held,
    calls,
    check,
    gradients,
    groups_of,
    held,
    is_loaded,
    is_whole,
    resharded,
    shards,
    wholes,
)
from pytest_footprint.tracking.internals import graph_task
from pytest_footprint.tracking.recorder import Recorder

_CHANGES: dict[str, Callable[[Any], Held]] = {
    "unshard": shards,
    "wait_for_unshard": wholes,
    "_to_sharded_post_forward": resharded,
    "post_backward": gradients,
}
"""What these calls may have made."""
_MAKES = {
    "unshard": RefType.ALL_GATHER,
    "wait_for_unshard": RefType.ALL_GATHER,
    "post_backward": RefType.REDUCE_SCATTER,
}
"""What is born in these calls, unless it is a parameter or a gradient."""
_HOOKS = {
    "pre_forward": Sharding.PRE_FORWARD,
    "post_forward": Sharding.POST_FORWARD,
    "pre_backward": Sharding.PRE_BACKWARD,
    "post_backward": Sharding.POST_BACKWARD,
}
_RUNS_IN = {"pre_backward": ("IDLE", "FORWARD", "POST_BACKWARD"), "post_backward": ("FORWARD", "PRE_BACKWARD")}
"""The states of a group in which these do something: FSDP calls them again for further outputs, and at the end."""
_FREES = frozenset({"_to_sharded", "_to_sharded_post_forward"})


class ShardingWatch:
    """Records when groups of parameters are unsharded, resharded and reduced, and what their tensors are.

    All of it happens in FSDP's own calls; operators are recorded as everywhere.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._groups: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._entered = False
        self._listening = False
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(buckets_are_gradients(self._recorder))
            self._entered = True
            undo.callback(self._leave)
            self._undo = undo
            self._listen()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()

    def _leave(self) -> None:
        self._entered = self._listening = False

    def _listen(self) -> None:
        """FSDP may be loaded only after the recording began."""
        if self._entered and not self._listening and is_loaded():
            self._undo.enter_context(calls.reported_to(self._around))
            self._listening = True

    def meet(self, module: nn.Module) -> None:
        """A module became known, or is looked at again."""
        for group in groups_of(module):
            self._listen()
            self._number(group)
            self._label(held(group))

    def _number(self, group: Any) -> int:
        key = id(group)
        found = self._groups.get(key)
        if found is not None:
            return found[1]
        check(group)
        groups, trace, names = self._groups, self._recorder.trace, self._recorder.names
        number = trace.group_number[-1] + 1 if trace.group_number else 0
        groups[key] = weakref.ref(group, lambda _: groups.pop(key, None)), number
        for module in group.modules:
            trace.group_number.append(number)
            trace.group_module.append(names.root(module))
        if is_whole(group):
            self._happened(group, Sharding.UNSHARDED)
        return number

    def _label(self, tensors: Held) -> None:
        live, find = self._recorder.live, self._recorder.names.find
        for tensor, kind, module in tensors:
            row = None if module is None else find(module)
            live.label(tensor, kind, -1 if row is None else row)

    def _happened(self, group: Any, what: Sharding) -> None:
        recorder = self._recorder
        trace = recorder.trace
        recorder.follow(recorder.state())
        number = self._number(group)
        trace.sharding_what.append(what)
        trace.sharding_group.append(number)
        recorder.event(Event.SHARDING, len(trace.sharding_what) - 1)

    def _around(self, group: Any, call: str) -> Callable[[], None] | None:
        if call == "__init__":
            return lambda: self._label(shards(group))
        if call in _RUNS_IN and group._training_state.name not in _RUNS_IN[call]:
            return None
        was_whole, first = is_whole(group), len(self._recorder.trace.nbytes)
        hook, frees = _HOOKS.get(call), call in _FREES and group.is_unsharded
        if hook is not None:
            self._happened(group, hook)

        def after() -> None:
            if call in _CHANGES:
                self._label(_CHANGES[call](group))
            if call in _MAKES:
                self._recorder.live.label_births(first, _MAKES[call])
            if hook is not None:
                self._happened(group, Sharding(hook + 1))
            elif frees:
                self._happened(group, Sharding.RESHARD)
            elif call == "unshard" and not was_whole and is_whole(group):
                backward = graph_task() != -1
                self._happened(group, Sharding.UNSHARD_IN_BACKWARD if backward else Sharding.UNSHARD_IN_FORWARD)

        return after
