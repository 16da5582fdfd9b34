"""Which tensors functions keep alive: in their closures, their bound arguments, and in checkpoint's frames."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

import torch

from pytest_footprint.tracking.internals import CHECKPOINT, CHECKPOINT_HOLDS, SavedTensor

_FUNCTIONS = (FunctionType, MethodType, functools.partial)
_CONTAINERS = (tuple, list, set, frozenset)
_DEEPEST = 12
"""From a checkpoint's hook to a tensor in a list in a partial: its frame, two functions with their cells, and so on."""
_LONGEST = 10_000
"""A longer container, such as a data set, is not what a graph keeps."""


def functions_in(values: Iterable[object]) -> list[object]:
    """Those of ``values`` that are functions which may keep something alive."""
    return [value for value in values if issubclass(type(value), _FUNCTIONS)]


def tensors_of(functions: Iterable[object]) -> Iterator[torch.Tensor]:
    """The tensors that ``functions`` hold, each once.

    Followed are closures, defaults, bound arguments, containers, and the objects of `torch.utils.checkpoint`; modules
    and other objects of the user's are left alone: they are there without the function, too.
    """
    waiting = [(function, _DEEPEST) for function in functions]
    seen: dict[int, object] = {}
    while waiting:
        value, depth = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value  # alive until the end, so that no other object gets its identity
        if issubclass(type(value), torch.Tensor):
            yield value  # type: ignore[misc] # it is a tensor
        elif depth:
            deep = _DEEPEST if type(value) is SavedTensor else depth - 1  # its hook is another checkpoint's
            waiting.extend((each, deep) for each in _inside(value))


def _inside(value: Any) -> Iterable[object]:  # noqa: PLR0911 - each line is one case
    kind = type(value)  # not isinstance, which asks the object for its __class__: that may be the user's code
    if issubclass(kind, FunctionType):
        return (*(value.__closure__ or ()), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
    if issubclass(kind, MethodType):
        return value.__func__, value.__self__
    if issubclass(kind, functools.partial):
        return value.func, value.args, value.keywords
    if issubclass(kind, CellType):
        return _content(value)
    if issubclass(kind, _CONTAINERS):
        return value if len(value) < _LONGEST else ()
    if issubclass(kind, dict):
        return value.values() if len(value) < _LONGEST else ()
    if issubclass(kind, SavedTensor):
        return saved(value)
    return _held_by_checkpoint(value) if kind.__module__ == CHECKPOINT else ()


def saved(tensor: Any) -> tuple[object, ...]:
    """What stands in for a tensor that autograd has saved, and what turns that into a tensor again."""
    try:
        return tensor.data, tensor.unpack_hook
    except RuntimeError:  # freed by an earlier backward
        return ()


def _content(cell: CellType) -> tuple[object, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # empty yet
        return ()


def _held_by_checkpoint(thing: object) -> tuple[object, ...]:
    attributes = getattr(thing, "__dict__", {})
    held = tuple(attributes[name] for name in CHECKPOINT_HOLDS if name in attributes)
    node = getattr(attributes.get("input_saver"), "grad_fn", None)  # where torch 2.11 keeps the arguments
    return held if node is None else (*held, *node._raw_saved_tensors, *node.__dict__.values())
