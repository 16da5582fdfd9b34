"""Modules that are compiled in place (``module.compile()``): torch calls no hook for them."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

from torch import nn
from torch.compiler import is_dynamo_compiling

from pytest_footprint.tracking.internals import COMPILED_CALL


class Listener(Protocol):
    """Is told of the calls of modules that are compiled in place."""

    def enter_compiled(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """One begins."""

    def exit_compiled(self, module: nn.Module, args: tuple[Any, ...], output: object) -> None:
        """One is over; the output is None when it raised."""


def tell_of_calls(module: nn.Module, listener: Listener) -> bool:
    """Tell ``listener`` of a module's calls; False where it is not compiled in place, or the listener hears it already.

    Stands in for what ``compile`` has put into the module, and calls that: what is compiled stays so.
    """
    compiled = module.__dict__.get(COMPILED_CALL)
    if compiled is None:
        return False
    if not isinstance(compiled, _ToldOf):
        compiled = module.__dict__[COMPILED_CALL] = _ToldOf(module, compiled)
    if listener in compiled.listeners:
        return False
    compiled.listeners.append(listener)
    return True


def stop_telling(module: nn.Module | None, listener: Listener) -> None:
    """Leave a module as it was, if it is alive and was not compiled anew."""
    compiled = None if module is None else module.__dict__.get(COMPILED_CALL)
    if module is None or not isinstance(compiled, _ToldOf):
        return
    compiled.listeners.remove(listener)
    if not compiled.listeners:
        module.__dict__[COMPILED_CALL] = compiled.call


class _ToldOf:
    """A compiled module's call, between two words to the listeners."""

    def __init__(self, module: nn.Module, call: Any) -> None:
        self.module = weakref.ref(module)
        self.call = call
        self.listeners: list[Listener] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self.module()
        if module is None or is_dynamo_compiling():
            return self.call(*args, **kwargs)  # a part of something larger that is compiled
        listeners = tuple(self.listeners)
        for listener in listeners:
            listener.enter_compiled(module, args, kwargs)
        output = None
        try:
            output = self.call(*args, **kwargs)
        finally:
            for listener in reversed(listeners):
                listener.exit_compiled(module, args, output)
        return output
