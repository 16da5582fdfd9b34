"""Watches module calls through torch's global module hooks."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from threading import get_ident
from typing import Any, Self

import torch
from torch import nn
from torch.compiler import is_compiling, is_dynamo_compiling
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_parameter_registration_hook,
)

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking.distributed.sharded_modules import is_loaded
from pytest_footprint.tracking.distributed.sharding import ShardingWatch
from pytest_footprint.tracking.internals import (
    COMPILED_CALL,
    is_compilers,
    keyword_arguments,
    never_compiled,
)
from pytest_footprint.tracking.modules.calls import caller
from pytest_footprint.tracking.modules.compiled import stop_telling, tell_of_calls
from pytest_footprint.tracking.modules.root_inputs import label_inputs
from pytest_footprint.tracking.modules.short_way import WORTH, ShortWay
from pytest_footprint.tracking.modules.user_hooks import UserHooks
from pytest_footprint.tracking.patches import compiled_modules_reported_to, restored_modules_reported_to, unannounced
from pytest_footprint.tracking.recorder import Recorder
from pytest_footprint.tracking.storages.owners import all_tensors_in
from pytest_footprint.tracking.thread_state import ThreadState


class ModuleWatch:
    """Records when modules are entered and left, and what parameters, buffers and inputs they have."""

    def __init__(self, recorder: Recorder, *, memory: bool, user_hooks: UserHooks | None = None) -> None:
        self._recorder = recorder
        self._user_hooks = UserHooks() if user_hooks is None else user_hooks
        self._sharding = ShardingWatch(recorder) if memory else None
        self._memory = memory
        self._made: dict[int, weakref.ref[nn.Module]] = {}
        self._compiled: dict[int, weakref.ref[nn.Module]] = {}
        self._regions: set[int] = set()
        """Calls of modules that are compiled in place, as they run."""
        self._numbers = -1, -1
        self._short_way = ShortWay()
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            before = register_module_forward_pre_hook(self._before)
            undo.callback(before.remove)
            after = register_module_forward_hook(self._after, always_call=True)
            undo.callback(after.remove)
            undo.enter_context(unannounced(before, after))
            self._numbers = before.id, after.id
            undo.callback(self._short_way.close)
            undo.callback(self._leave_compiled)
            undo.enter_context(compiled_modules_reported_to(self._listen_to))
            if self._sharding is not None:
                undo.enter_context(self._sharding)
            if self._memory:
                undo.callback(register_module_parameter_registration_hook(self._registered_parameter).remove)
                undo.callback(register_module_buffer_registration_hook(self._registered_buffer).remove)
                undo.enter_context(restored_modules_reported_to(self._restored))
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._undo.close()
        for state in self._recorder.states.values():
            while state.frames:
                self._recorder.exit(state, 0)

    def _caller(self, original: Callable[..., Any]) -> Callable[..., Any]:
        call = caller(
            self._recorder,
            self._after,
            self._tell_begin,
            self._tell_end,
            self._regions,
            self._user_hooks,
            self._numbers,
            original,
            memory=self._memory,
        )
        never_compiled(call, what_it_calls=False)  # what it calls is the program's
        return call

    def _tell_begin(
        self, module: nn.Module, call: int, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None
    ) -> None:
        """Tell hooks of the user that a forward begins."""

    def _tell_end(self, module: nn.Module, call: int, args: tuple[Any, ...], output: object) -> None:
        """Tell them that it is over."""

    def _registered_parameter(self, module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        """A model that never runs has parameters too."""
        if parameter is not None and parameter.is_leaf and not is_compiling():
            self._recorder.live.label(parameter, RefType.PARAMETER)
            self._remember(module)

    def _registered_buffer(self, module: nn.Module, name: str, buffer: torch.Tensor | None) -> None:
        if buffer is not None and not is_compiling():
            self._recorder.live.label(buffer, RefType.BUFFER)
            self._remember(module)

    def _restored(self, module: nn.Module) -> None:
        """A module was copied or unpickled."""
        for name, parameter in module._parameters.items():
            self._registered_parameter(module, name, parameter)
        for name, buffer in module._buffers.items():
            self._registered_buffer(module, name, buffer)

    def _remember(self, module: nn.Module) -> None:
        """A module that was made here: until it runs nothing else knows it, and ``to`` gives it other memory."""
        key, made = id(module), self._made
        if key not in made:
            made[key] = weakref.ref(module, lambda _: made.pop(key, None))

    def _listen_to(self, module: nn.Module) -> None:
        if tell_of_calls(module, self):
            self._compiled[id(module)] = weakref.ref(module)

    def _leave_compiled(self) -> None:
        for reference in self._compiled.values():
            stop_telling(reference(), self)
        self._compiled.clear()

    def enter_compiled(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A module that is compiled in place is called."""
        state = self._recorder.state()
        depth = len(state.frames)
        self._before(module, args, kwargs)
        if len(state.frames) > depth:
            self._regions.add(state.frames[-1].call)

    def exit_compiled(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        """The call of a module that is compiled in place is over."""
        state = self._recorder.state()
        if state.frames:
            self._regions.discard(state.frames[-1].call)
        self._after(module, args, output)

    def _runs_compiled(self, module: nn.Module, state: ThreadState) -> bool:
        """Whether this is a hook of a region that was entered already: one that dynamo did not compile after all."""
        return bool(state.frames) and state.frames[-1].module is module and state.frames[-1].call in self._regions

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        if is_dynamo_compiling():
            return  # dynamo traces this hook: what is compiled is one opaque region
        recorder = self._recorder
        state = recorder.states.get(get_ident()) or recorder.state()
        if self._regions and self._runs_compiled(module, state):
            return
        outermost = not state.frames
        if outermost and is_compiling():
            return  # exported: no step of the program
        recorder.follow(state)
        if len(recorder.trace.call_module) >= WORTH:
            self._short_way.open(self._caller)
        row = recorder.names.find(module)
        if outermost or row is None:
            if isinstance(module, torch.fx.GraphModule) and is_compilers(module, sys._getframe(1)):
                return  # what a compiler made is no module of the user's
            recorder.end_failed_steps(state)
            row = self._meet(module, row, state)
        if not self._memory:
            recorder.enter(state, module, row, 0)
            return
        keywords = keyword_arguments(1) if kwargs is None else kwargs
        tensors = all_tensors_in((args, keywords) if keywords else args)
        if outermost and recorder.open_graph is None:
            label_inputs(recorder, tensors)
        recorder.enter(state, module, row, recorder.live.nbytes(tensors))

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        if is_dynamo_compiling():
            return
        recorder = self._recorder
        state = recorder.states.get(get_ident()) or recorder.state()
        if not state.frames or state.frames[-1].module is not module:
            return  # entered before the recording, or its entry never happened
        if self._regions and self._runs_compiled(module, state):
            return
        recorder.follow(state)
        if not self._memory:
            recorder.exit(state, 0)
            return
        tensors = all_tensors_in(output)
        recorder.exit(state, recorder.live.nbytes(tensors))

    def _meet(self, module: nn.Module, row: int | None, state: ThreadState) -> int:
        """Name what is new below a root, or below a module that was added to one that runs."""
        names = self._recorder.names
        if row is not None and (known := names.known_below(module, row)) is not None:
            if self._memory:
                self._label(known)
            return row
        if row is None:
            # Perhaps it was added to a model since that was looked at.
            for root in [state.frames[0].module] if state.frames else list(names.roots()):
                self._label(names.tree(root, names.root(root)))
            row = names.find(module)
        if row is None:
            row = names.root(module)
        self._label(names.tree(module, row))
        return row

    def refresh(self) -> None:
        """Look again at all modules that are known: parameters may have been replaced."""
        names = self._recorder.names
        self._label(names.all())
        for reference in tuple(self._made.values()):
            module = reference()
            if module is not None and names.find(module) is None:
                self._restored(module)

    def expect(self, values: Iterable[object]) -> None:
        """The modules among ``values``, and those below them, are about to run."""
        for root in values:
            if isinstance(root, nn.Module):
                for module in root.modules():
                    self._listen_to(module)

    def add(self, module: nn.Module) -> None:
        """Take a module in before it runs."""
        names = self._recorder.names
        self._label(names.tree(module, names.root(module)))

    def _label(self, modules: Iterable[tuple[nn.Module, int]]) -> None:
        live = self._recorder.live
        sharding = self._sharding if is_loaded() else None
        for module, row in modules:  # walking names them
            if getattr(module, COMPILED_CALL) is not None:
                self._listen_to(module)
            if not self._memory:
                continue
            if sharding is not None:
                sharding.meet(module)
            for parameter in module._parameters.values():
                if parameter is not None:
                    live.label_parameter(parameter, row)
            for buffer in module._buffers.values():
                if buffer is not None:
                    live.label(buffer, RefType.BUFFER, row)
