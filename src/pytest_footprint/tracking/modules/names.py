"""Names of modules, kept for as long as they live."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Iterator

import torch
from torch import nn

from pytest_footprint.trace.trace import Trace


class ModuleNames:
    """Gives each module a row in the trace; its name may grow while more of the model becomes known.

    Modules are told apart by identity, whatever their ``__eq__`` says. A module that two parents share keeps the name
    that it got first. A root's number is free again when that root is dead. What torch.compile wraps and its wrapper
    are one module.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.known: dict[int, tuple[weakref.ref[nn.Module], int]] = {}
        self._numbers: dict[str, set[int]] = {}

    def find(self, module: nn.Module) -> int | None:
        """The row of a module, None when it was never seen."""
        found = self.known.get(id(module)) or self.known.get(id(_as_written(module)))
        return None if found is None else found[1]

    def all(self) -> Iterator[tuple[nn.Module, int]]:
        """The modules that are alive, with their rows."""
        for reference, row in tuple(self.known.values()):
            module = reference()
            if module is not None:
                yield module, row

    def roots(self) -> Iterator[nn.Module]:
        """The modules that are alive and below no other."""
        return (module for module, row in self.all() if self._trace.module_parent[row] < 0)

    def root(self, module: nn.Module) -> int:
        """The row of a module that is called on its own."""
        row = self.find(module)
        return self._add(_as_written(module), parent=-1, attribute="") if row is None else row

    def tree(self, module: nn.Module, row: int) -> Iterator[tuple[nn.Module, int]]:
        """The module and all below it, each once, with their rows; names those that are new."""
        root = _as_written(module)
        seen = {id(root)}
        waiting = [(root, row)]
        while waiting:
            parent, parent_row = waiting.pop()
            yield parent, parent_row
            below = []
            for attribute, held in parent._modules.items():
                if held is None:
                    continue
                child = _as_written(held)
                if id(child) in seen:
                    continue
                seen.add(id(child))
                child_row = self.find(child)
                if child_row is None:
                    child_row = self._add(child, parent_row, attribute)
                elif self._trace.module_parent[child_row] < 0 and not self._is_below(parent_row, child_row):
                    self._adopt(child_row, parent_row, attribute)
                below.append((child, child_row))
            waiting.extend(reversed(below))

    def known_below(self, module: nn.Module, row: int) -> list[tuple[nn.Module, int]] | None:
        """What `tree` gives where nothing is new: each module has its name there, and none was compiled in place.

        Quicker than to walk `tree`. A module that is there twice may come twice.
        """
        known, parents = self.known, self._trace.module_parent
        found = [(module, row)]
        seen: set[int] = set()
        waiting = [module]
        while waiting:
            for child in waiting.pop()._modules.values():
                key = id(child)
                if child is None or key in seen:
                    continue
                entry = known.get(key)
                if entry is None or parents[entry[1]] < 0 or child._compiled_call_impl is not None:
                    return None
                found.append((child, entry[1]))
                if child._modules:
                    seen.add(key)
                    waiting.append(child)
        return found

    def _add(self, module: nn.Module, parent: int, attribute: str) -> int:
        trace = self._trace
        row = len(trace.module_class)
        name = _class_name(module)
        number = 1
        if parent < 0:
            taken = self._numbers.setdefault(name, set())
            while number in taken:
                number += 1
            taken.add(number)
        trace.module_class.append(name)
        trace.module_attribute.append(attribute)
        trace.module_parent.append(parent)
        trace.module_number.append(number)
        # The names know the module's reference, so what that calls must know the names weakly: no cycle holds a trace.
        forget = functools.partial(_forget, weakref.ref(self), id(module), row)
        self.known[id(module)] = weakref.ref(module, forget), row
        return row

    def forget(self, key: int, row: int) -> None:
        """A module died: what was known of it goes, and a root's number is free again."""
        self.known.pop(key, None)
        if self._trace.module_parent[row] < 0:
            name = self._trace.module_class[row]
            self._numbers.get(name, set()).discard(self._trace.module_number[row])

    def _adopt(self, row: int, parent: int, attribute: str) -> None:
        """What was called on its own is now seen to be part of something larger."""
        trace = self._trace
        self._numbers[trace.module_class[row]].discard(trace.module_number[row])
        trace.module_parent[row] = parent
        trace.module_attribute[row] = attribute

    def _is_below(self, row: int, root: int) -> bool:
        while row >= 0:
            if row == root:
                return True
            row = self._trace.module_parent[row]
        return False


def _forget(names: weakref.ref[ModuleNames], key: int, row: int, _: weakref.ref[nn.Module]) -> None:
    alive = names()
    if alive is not None:
        alive.forget(key, row)


def _as_written(module: nn.Module) -> nn.Module:
    """The module that the user wrote, where torch.compile has wrapped it."""
    while type(module).__name__ == "OptimizedModule" and isinstance(
        inner := module._modules.get("_orig_mod"), nn.Module
    ):
        module = inner
    return module


def _class_name(module: nn.Module) -> str:
    """The name of the class that the user wrote, also where torch has put a class of its own in front of it."""
    kind = type(module)
    if len(kind.__bases__) > 1 and kind.__bases__[0].__name__ == "FSDPModule":
        return kind.__bases__[1].__name__  # fully_shard makes class FSDPNet(FSDPModule, Net)
    if kind.__name__.startswith("Parametrized") and torch.nn.utils.parametrize.is_parametrized(module):
        return kind.__bases__[0].__name__  # register_parametrization makes class ParametrizedNet(Net)
    return kind.__name__
