"""The monkeypatches: of functions that no dispatch mode sees, and of one warning.

Those take or give back memory, or make an allocator forget its peaks.
However the contexts of several recordings overlap, torch's own functions are back after the last one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn.modules import module as torch_module
from torch.utils.hooks import RemovableHandle

from pytest_footprint.tracking.internals import GLOBAL_HOOKS, has_any_global_hook
from pytest_footprint.tracking.storages.owners import owner_nbytes

Report = Callable[..., object]
"""Is called with what the patched function returned or, for a method, with the object it was called on; before the
call with None."""


class _Patch:
    """One function that tells all listeners of its calls while there are any.

    Args:
        owner: where the function is.
        name: its name there.
        method: it is one.
        before: tell the listeners before the call.
        state: of a method's object, is read before the call; the listeners are given it too.
    """

    def __init__(
        self,
        owner: Any,
        name: str,
        *,
        method: bool = False,
        before: bool = False,
        state: Callable[[Any], object] | None = None,
    ) -> None:
        self._owner = owner
        self._name = name
        self._method = method
        self._before = before
        self._state = state
        self._listeners: list[Report] = []
        self._undo: Callable[[], None] = lambda: None

    @contextmanager
    def reported_to(self, report: Report) -> Generator[None]:
        """Call ``report`` after, or before, every call of the function until the context ends."""
        if not self._listeners:
            self._install()
        self._listeners.append(report)
        try:
            yield
        finally:
            self._listeners.remove(report)
            if not self._listeners:
                self._undo()

    def _install(self) -> None:
        owner, name, original = self._owner, self._name, getattr(self._owner, self._name)
        inherited = name not in vars(owner)
        listeners, method, before, state = self._listeners, self._method, self._before, self._state

        @functools.wraps(original)
        def patched(*args: Any, **kwargs: Any) -> Any:
            for report in tuple(listeners) if before else ():
                report(None)
            seen = () if state is None else (state(args[0]),)
            result = original(*args, **kwargs)
            for report in () if before else tuple(listeners):
                report(args[0] if method else result, *seen)
            return result

        setattr(owner, name, patched)
        self._undo = (
            functools.partial(delattr, owner, name) if inherited else functools.partial(setattr, owner, name, original)
        )


_RESET_PEAKS = ("_cuda_resetPeakMemoryStats", "_accelerator_resetPeakStats")
"""What `torch.cuda.reset_peak_memory_stats` and its namesake in `torch.accelerator` call. Not each build has both."""

_resize = _Patch(torch.UntypedStorage, "resize_", method=True, state=owner_nbytes)
_rng_state = _Patch(torch, "get_rng_state")
_storage = _Patch(torch.UntypedStorage, "__init__", method=True)
_rebuilt = _Patch(torch._utils, "_rebuild_tensor")
_restored = _Patch(torch.nn.Module, "__setstate__", method=True)
_compiled = _Patch(torch.nn.Module, "compile", method=True)
_peak_resets = {name: _Patch(torch._C, name, before=True) for name in _RESET_PEAKS}


def resizes_reported_to(report: Callable[[torch.UntypedStorage, int], object]) -> Any:
    """``UntypedStorage.resize_``, by which FSDP frees and refills parameters, with the bytes there were before."""
    return _resize.reported_to(report)


def rng_states_reported_to(report: Callable[[torch.Tensor], object]) -> Any:
    """``torch.get_rng_state``, whose result checkpoint keeps for every region."""
    return _rng_state.reported_to(report)


def storages_reported_to(report: Callable[[torch.UntypedStorage], object]) -> Any:
    """``torch.UntypedStorage(...)``, by which ``copy.deepcopy`` copies tensors."""
    return _storage.reported_to(report)


def rebuilt_tensors_reported_to(report: Callable[[torch.Tensor], object]) -> Any:
    """What ``torch.load`` and ``pickle`` make tensors with."""
    return _rebuilt.reported_to(report)


@contextmanager
def peak_resets_reported_to(report: Callable[[None], object]) -> Generator[None]:
    """Before an allocator forgets its peaks, which many a test of GPU memory makes it do."""
    with ExitStack() as undo:
        for name, patch in _peak_resets.items():
            if hasattr(torch._C, name):
                undo.enter_context(patch.reported_to(report))
        yield


def restored_modules_reported_to(report: Callable[[torch.nn.Module], object]) -> Any:
    """``Module.__setstate__``: copied and unpickled modules get parameters and buffers without registering them."""
    return _restored.reported_to(report)


def compiled_modules_reported_to(report: Callable[[torch.nn.Module], object]) -> Any:
    """``Module.compile``, after which torch calls no hook for the module."""
    return _compiled.reported_to(report)


_our_hooks: set[int] = set()


@contextmanager
def unannounced(*handles: RemovableHandle) -> Generator[None]:
    """Let our global module hooks not count as the user's.

    A compiled module warns, at each call, that global hooks run for it too. A recording must not warn, nor fail the
    tests of those for whom warnings are errors; other people's hooks are announced as ever.
    """
    ours = {handle.id for handle in handles}
    if not _our_hooks:
        torch_module._has_any_global_hook = _has_any_other_global_hook
    _our_hooks.update(ours)
    try:
        yield
    finally:
        _our_hooks.difference_update(ours)
        if not _our_hooks:
            torch_module._has_any_global_hook = has_any_global_hook


def _has_any_other_global_hook() -> bool:
    return any(hook not in _our_hooks for registry in GLOBAL_HOOKS for hook in registry)
