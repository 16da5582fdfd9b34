"""Who holds memory: the way from a variable to it. It looks at every object there is, so only a failure asks."""

from __future__ import annotations

import gc
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from inspect import CO_OPTIMIZED
from threading import get_ident
from types import CellType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import torch

import pytest_footprint
from pytest_footprint.tracking.assertions.paths import written
from pytest_footprint.tracking.closures import functions_in, tensors_of
from pytest_footprint.tracking.saved_graph import held_by
from pytest_footprint.tracking.storages.owners import storages

_PACKAGE = __name__.partition(".")[0]
_HERE = os.path.dirname(os.path.abspath(pytest_footprint.__file__)) + os.sep  # noqa: PTH100, PTH120 - plain strings
_INSTALLED = f"{os.sep}site-packages{os.sep}"
_DEAD_ENDS = (ModuleType, CodeType, torch.dtype, torch.device, torch.layout)
"""Modules are looked at in their turn; nothing of the user's hangs on the others."""
_SHOWN = 3


def holders(wanted: Mapping[int, int]) -> dict[int, str]:
    """For each storage what holds it, as the shortest way from a variable.

    Args:
        wanted: identity of a storage (or of the tensor that hides it) -> its number, under which it is answered.

    Returns:
        ``test_loop.LOSSES[3]``, ``model.cache['k'] (local of test_loop)`` ..., those excepted that only C++ holds.
    """
    return _Search(wanted).run()


class _Search:
    """Goes from the variables of modules and running functions to tensors, breadth first."""

    def __init__(self, wanted: Mapping[int, int]) -> None:
        self._wanted = dict(wanted)
        self._found: dict[int, str] = {}
        self._parents: dict[int, object] = {}
        self._objects: list[object] = []
        """Keeps all that was seen alive, so that no identity is given out twice."""
        self._nodes: set[Any] = set()

    def run(self) -> dict[int, str]:
        for roots in (_own_modules(), _frames(), _other_modules()):
            self._search(roots)
            if not self._wanted:
                break
        return self._found

    def _search(self, roots: Iterable[tuple[str, str, dict[str, object]]]) -> None:
        """Each root is the text before its names, the text behind the whole way, and its variables."""
        waiting: deque[object] = deque()
        named: dict[int, tuple[str, str, dict[str, object]]] = {}
        for root in roots:
            variables = root[2]
            named[id(variables)] = root
            self._take(variables, None, waiting)
        self._parents.update(dict.fromkeys(named))
        while waiting and self._wanted:
            thing = waiting.popleft()
            if issubclass(type(thing), torch.Tensor):
                self._look_at(thing, named)
            elif issubclass(type(thing), torch.autograd.graph.Node):
                self._look_through(thing, thing, named)
            for child in _children(thing):
                self._take(child, thing, waiting)

    def _take(self, thing: object, parent: object, waiting: deque[object]) -> None:
        if id(thing) in self._parents or not gc.is_tracked(thing) or _is_ours(thing):
            return
        self._parents[id(thing)] = parent
        self._objects.append(thing)
        waiting.append(thing)

    def _look_at(self, tensor: Any, named: Mapping[int, tuple[str, str, dict[str, object]]]) -> None:
        self._claim(tensor, tensor, "", named)
        with suppress(RuntimeError):  # a view that was changed in a way that autograd forbids
            if tensor.grad_fn is not None:
                self._look_through(tensor.grad_fn, tensor, named)

    def _look_through(self, root: Any, holder: object, named: Mapping[int, tuple[str, str, dict[str, object]]]) -> None:
        """What the autograd graph below ``root`` holds is held by ``holder``."""
        before: dict[Any, Any] = {root: None}
        waiting = deque([root])
        while waiting:
            node = waiting.popleft()
            if node in self._nodes:
                continue
            self._nodes.add(node)
            for attribute, tensor in _saved(node):
                self._claim(tensor, holder, _chain(node, before, attribute, holder is root), named)
            for below, _ in node.next_functions:
                if below is not None and below not in before:
                    before[below] = node
                    waiting.append(below)

    def _claim(
        self, tensor: torch.Tensor, holder: object, tail: str, named: Mapping[int, tuple[str, str, dict[str, object]]]
    ) -> None:
        for owner in _owners(tensor):
            if (number := self._wanted.pop(id(owner), None)) is not None:
                before, behind, way = self._way(holder, named)
                self._found[number] = f"{before}{written(way)}{tail}{behind}".removeprefix(".")

    def _way(
        self, thing: object, named: Mapping[int, tuple[str, str, dict[str, object]]]
    ) -> tuple[str, str, list[object]]:
        way = [thing]
        while id(way[-1]) not in named:
            way.append(self._parents[id(way[-1])])
        before, behind, _ = named[id(way[-1])]
        return before, behind, way[::-1]


def _children(thing: Any) -> Iterator[object]:
    kind = type(thing)  # not isinstance, which asks the object for its __class__: that may be the user's code
    if issubclass(kind, FunctionType):
        yield from (*(thing.__closure__ or ()), thing.__defaults__, thing.__kwdefaults__, thing.__dict__)
        return  # its globals are a module's
    if issubclass(kind, CellType):
        with suppress(ValueError):  # empty
            yield thing.cell_contents
        return
    if issubclass(kind, torch.Tensor):
        with suppress(RuntimeError):
            if (thing.is_leaf or thing.retains_grad) and thing.grad is not None:
                yield thing.grad
    yield from (child for child in gc.get_referents(thing) if not issubclass(type(child), _DEAD_ENDS))


def _is_ours(thing: object) -> bool:
    kind = type(thing)
    if kind is FrameType:
        return str(thing.f_code.co_filename).startswith(_HERE)  # type: ignore[attr-defined] # it is a frame
    return str(getattr(kind, "__module__", "")).partition(".")[0] == _PACKAGE


def _owners(tensor: torch.Tensor) -> list[object]:
    try:
        return [owner for owner, _ in storages(tensor)]
    except Exception:  # noqa: BLE001 - tensors of any kind, half built or half gone, come by
        return []


def _saved(node: Any) -> Iterator[tuple[str, torch.Tensor]]:
    functions: list[object] = []
    for name in dir(node):
        if name.startswith("_raw_saved_"):
            for tensor in held_by(node, name, functions):
                yield f"saved {name.removeprefix('_raw_saved_')}", tensor
    own = getattr(node, "__dict__", None) or {}
    for name, value in own.items():
        if issubclass(type(value), torch.Tensor):
            yield f"ctx.{name}", value
    for tensor in tensors_of([*functions, *functions_in(own.values())]):
        yield "closure", tensor
    leaf = getattr(node, "variable", None)
    if isinstance(leaf, torch.Tensor):
        yield "its leaf", leaf


def _chain(node: Any, before: Mapping[Any, Any], attribute: str, is_root: bool) -> str:  # noqa: FBT001 - private
    names: list[str] = []
    while node is not None:
        names.append(node.name().rpartition("::")[2])
        node = before[node]
    names.reverse()
    if len(names) > _SHOWN:
        names[1:-1] = [f"... ({len(names) - 2} more)"]
    return f"{'' if is_root else '.grad_fn'}: {' -> '.join(names)} ({attribute})"


def _own_modules() -> Iterator[tuple[str, str, dict[str, object]]]:
    """The variables of the program that is tested: what is installed comes later."""
    return ((f"{name}", "", vars(module)) for name, module in _modules() if _is_own(module))


def _other_modules() -> Iterator[tuple[str, str, dict[str, object]]]:
    return ((f"{name}", "", vars(module)) for name, module in _modules() if not _is_own(module))


def _modules() -> list[tuple[str, ModuleType]]:
    found = [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)]
    # multiprocessing knows the program's own module by a second name.
    return [(name, module) for name, module in found if name.partition(".")[0] not in {_PACKAGE, "__mp_main__"}]


def _is_own(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None) or ""
    if module.__name__ == "__main__":
        return True
    return bool(file) and _INSTALLED not in file and not file.startswith(os.path.dirname(os.__file__))  # noqa: PTH120


def _frames() -> Iterator[tuple[str, str, dict[str, object]]]:
    """The variables of the functions that are running, the innermost first; then those of other threads."""
    here = get_ident()
    running = sys._current_frames()
    for ident in (here, *(each for each in running if each != here)):
        frame: FrameType | None = running.get(ident)
        while frame is not None:
            code = frame.f_code
            if not code.co_filename.startswith(_HERE) and code.co_flags & CO_OPTIMIZED:
                thread = "" if ident == here else ", in another thread"
                yield "", f" (local of {code.co_qualname}{thread})", dict(frame.f_locals)
            frame = frame.f_back
