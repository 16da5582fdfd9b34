"""What an operator does to memory, decided once from its schema."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache
from typing import Any

import torch

from pytest_footprint.tracking.internals import COMPOSITE, OpOverload


class Makes(IntEnum):
    """What there is to do after an operator."""

    NOTHING = 0
    """Views and in-place operators: no new memory."""
    ONE = 1
    """One fresh tensor."""
    MANY = 2
    """Several fresh tensors, in tuples or lists, some perhaps None."""
    LAST_COMMON = MANY
    """All that follow are rare, and need a look at what the operator was given."""
    RESIZES = 3
    """It may change the size of a storage that it was given: ``out=``, ``resize_`` and the like."""
    WAITS = 4
    """``wait_tensor``: gives back the tensor that it waited for."""
    PERHAPS = 5
    """A view or a copy, as it comes: ``to``, ``reshape``. Modes see these in inference mode only; else their parts.

    And what was given, though the schema does not say so: ``c10d.allreduce_``.
    """


_RESIZING = frozenset({"resize_", "resize_as_", "resize_as_sparse_", "set_", "_resize_output_"})

_LIFTS = frozenset({"aten::lift_fresh", "aten::lift"})
"""``torch.tensor`` fills memory out of the dispatcher's sight and then shows it with this operator, as if a view."""

_IN_PLACE = re.compile(r"[^_]_$")
"""torch's names of what works in place; not of ``__or__``."""

_UNDECLARED_VIEWS = frozenset({"aten::_unsafe_view", "aten::unsafe_split", "aten::unsafe_split_with_sizes"})
"""They return views without saying so in their schema."""

_NO_MEMORY = "aten::_efficientzerotensor"
"""Its result says how large it would be, but nothing is allocated for it."""

WAITS = "_c10d_functional::wait_tensor"
"""Gives back the tensor that it waited for."""

KNOWN_BY_NAME = {*(f"aten::{name}" for name in _RESIZING), *_LIFTS, *_UNDECLARED_VIEWS, _NO_MEMORY}
"""More operators whose schema does not tell what they do."""


def classify(func: Any) -> Makes:
    """Decide for one operator; higher-order operators have no schema and may return anything."""
    if not isinstance(func, OpOverload):
        return Makes.MANY
    # torch's own stay what they are, so the next tracker need not ask again; others may get another kernel.
    return _classify_once(func) if func.namespace == "aten" else _classify(func)


def _classify(func: OpOverload) -> Makes:  # noqa: PLR0911 - each line is one case
    schema = func._schema
    if schema.name == WAITS:
        return Makes.WAITS
    if schema.name.partition("::")[2] in _RESIZING or any(argument.is_out for argument in schema.arguments):
        return Makes.RESIZES
    if schema.name in _LIFTS:
        return Makes.ONE
    if schema.name in _UNDECLARED_VIEWS or schema.name == _NO_MEMORY:
        return Makes.NOTHING
    fresh = [returned for returned in schema.returns if returned.alias_info is None]
    if fresh and _IN_PLACE.search(schema.name):
        return Makes.PERHAPS
    if not fresh:
        return Makes.PERHAPS if _may_copy(func) else Makes.NOTHING
    if len(schema.returns) == 1 and isinstance(fresh[0].type, torch.TensorType):
        return Makes.ONE
    if any("Tensor" in str(returned.type) for returned in fresh):
        return Makes.MANY
    return Makes.NOTHING


_classify_once = cache(_classify)


def _may_copy(func: OpOverload) -> bool:
    writes = any(returned.alias_info.is_write for returned in func._schema.returns if returned.alias_info is not None)
    return bool(func._schema.returns) and not writes and func.has_kernel_for_dispatch_key(COMPOSITE)


def op_name(func: Any) -> str:
    """``aten._log_softmax`` without the overload; the name of a higher-order operator."""
    packet = getattr(func, "overloadpacket", None)
    return str(packet if packet is not None else func)


REFUSED_NUMBER = "Expected a value of type 'Tensor' for argument"
"""What torch says when a Python number is passed where only a tensor may stand."""

_NUMBERS = {int: torch.int64, float: torch.float64, complex: torch.complex128}


def numbers_as_tensors(func: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Make the tensors again that were numbers on their way here.

    A number that TorchScript keeps as a constant (the 2.5 of ``x.mul(2.5)``) is a tensor marked as wrapped. torch hands
    it to every dispatch mode as a Python number, and takes it back in arithmetic only: not where a graph is printed
    (``aten.view``) or the constant folded (``aten._local_scalar_dense``).
    """
    return tuple(
        torch.tensor(value, dtype=_NUMBERS[type(value)])
        if type(value) in _NUMBERS and isinstance(argument.type, torch.TensorType)
        else value
        for argument, value in zip(func._schema.arguments, args, strict=False)
    )
