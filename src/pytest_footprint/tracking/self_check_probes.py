"""Small programs that each try one thing about torch that the trackers rely on."""

from __future__ import annotations

import copy
import functools
import gc
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import FunctionType, SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_footprint.trace.trace import Trace
from pytest_footprint.tracking import internals
from pytest_footprint.tracking.engine_patch import backwards_run_in
from pytest_footprint.tracking.operators.inside_ops import InsideOps
from pytest_footprint.tracking.operators.kinds import REFUSED_NUMBER, Makes, classify
from pytest_footprint.tracking.patches import rebuilt_tensors_reported_to, storages_reported_to
from pytest_footprint.tracking.storages.owners import owner_nbytes, storages

Probe = Callable[[], bool]


# -- autograd --------------------------------------------------------------------------------------------------------


class _Double(torch.autograd.Function):
    """Notes, in its backward, what can be known there."""

    @staticmethod
    def forward(ctx: Any, reached: torch.Tensor, aside: list[torch.Tensor], told: list[object]) -> torch.Tensor:
        ctx.reached, ctx.aside, ctx.told = reached, aside, told
        return reached * 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        node = internals.current_node()
        ctx.told += [
            isinstance(node, internals.BackwardCFunction),
            node._sequence_nr(),
            "reached" in node.__dict__,
            internals.graph_task() >= 0,
            internals.is_reached_by_backward(ctx.reached),
            *(internals.is_reached_by_backward(tensor) for tensor in ctx.aside),
        ]
        internals.when_backward_ends(lambda: ctx.told.append("over"))
        return gradient * 2, None, None


def _leaf() -> torch.Tensor:
    return torch.ones(1, device="cpu", requires_grad=True)


def _backward_is_seen() -> bool:
    told: list[object] = []
    reached, aside = _leaf() * 3, _leaf() * 3
    sequence = internals.sequence_number()
    doubled: torch.Tensor = _Double.apply(reached, [aside], told)
    doubled.sum().backward()
    outside = internals.current_node() is None and internals.graph_task() == -1
    return outside and told == [True, sequence, True, True, True, False, "over"]


def _sequence_numbers_follow() -> bool:
    before = internals.sequence_number()
    node: Any = (_leaf() * 2).grad_fn
    return bool(node._sequence_nr() == before and internals.sequence_number() == before + 1)


def _leaves_have_no_number() -> bool:
    leaf = _leaf()
    node: Any = (leaf * 2).grad_fn
    below = node.next_functions[0][0]
    return bool(below._sequence_nr() == internals.ACCUMULATE_GRAD and below.variable is leaf)


def _backwards_are_heard() -> bool:
    heard: list[object] = []
    out = _leaf() * 2
    node: Any = out.grad_fn

    def around(roots: Sequence[Any], creates_graph: bool) -> AbstractContextManager[object]:  # noqa: FBT001
        if any(root is out for root in roots):  # whatever other threads do
            heard.append(creates_graph)
        return nullcontext()

    hook = node.register_prehook(lambda _: heard.append(internals.current_node() is node))
    with backwards_run_in(around):
        out.backward()
    hook.remove()
    return heard == [False, True]


_SAVED = "_raw_saved_self"


def _saved_tensors_are_read() -> bool:
    leaf = _leaf()
    node: Any = (leaf * leaf).grad_fn
    return bool(getattr(node, _SAVED).data.untyped_storage() is leaf.untyped_storage())


def _hooks_on_tensors_are_seen() -> bool:
    leaf = _leaf()
    leaf.register_hook(abs)
    return abs in leaf._backward_hooks.values()  # type: ignore[union-attr]


def _storages_are_themselves() -> bool:
    tensor, died = torch.ones(1, device="cpu"), []  # type: ignore[var-annotated]
    reference = weakref.ref(tensor.untyped_storage(), died.append)
    same = reference() is not None and reference() is tensor.detach().untyped_storage() and not died
    del tensor
    return same and len(died) == 1


def _tensors_are_collected() -> bool:
    return gc.is_tracked(torch.ones(1, device="cpu"))


def _sparse_tensors_have_parts() -> bool:
    sparse = torch.ones(2, device="cpu").to_sparse()
    return sorted(owner_nbytes(owner) for owner, _ in storages(sparse)) == [8, 16]


def _copies_are_reported() -> bool:
    tensor = torch.ones(2, device="cpu")
    made: list[Any] = []
    with storages_reported_to(made.append), rebuilt_tensors_reported_to(made.append):
        copied, deep = copy.copy(tensor), copy.deepcopy(tensor)
    return any(each is copied for each in made) and any(each is deep.untyped_storage() for each in made)


# -- operators -------------------------------------------------------------------------------------------------------

_MAKES = {
    "add.Tensor": Makes.ONE,
    "add_.Tensor": Makes.NOTHING,
    "view.default": Makes.NOTHING,
    "max.dim": Makes.MANY,
    "add.out": Makes.RESIZES,
    "reshape.default": Makes.PERHAPS,
}


def _operators_tell_what_they_make() -> bool:
    operators = {name: functools.reduce(getattr, name.split("."), torch.ops.aten) for name in _MAKES}
    tensor = torch.ones(1, device="cpu")
    runs = torch.equal(operators["add.Tensor"]._op(tensor, tensor), tensor * 2)
    return runs and {name: classify(each) for name, each in operators.items()} == _MAKES


def _numbers_are_refused() -> bool:
    try:
        torch.ops.aten.view.default(1, [1])
    except RuntimeError as error:
        return REFUSED_NUMBER in str(error)
    return False


class _Listening(internals.TorchDispatchMode):
    """Notes of each operator what it makes and whether a parameter is being copied."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[str, tuple[Makes, bool]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        copies = internals.runs_within(sys._getframe(1), internals.COPIES_PARAMETER)
        self.heard[str(func)] = (classify(func), copies)
        return func(*args, **(kwargs or {}))


def _modes_hear_operators() -> bool:
    parameter = nn.Parameter(torch.ones(1, device="cpu"))
    internals.never_compiled(_Listening.__torch_dispatch__)
    with _Listening() as mode:
        torch.tensor([1.0], device="cpu")
        copy.deepcopy(parameter)
    return mode.heard.get("aten.clone.default") == (Makes.ONE, True) and any(
        makes is Makes.ONE and "lift" in name for name, (makes, _) in mode.heard.items()
    )


# -- torch's Python frames -------------------------------------------------------------------------------------------


def _with_other_globals(function: Any, **others: Any) -> Any:
    """The same code without the hooks that somebody may have registered."""
    return FunctionType(function.__code__, {**function.__globals__, **others}, function.__name__)


_HOOK_KINDS = ("backward_pre_hooks", "backward_hooks", "forward_pre_hooks", "forward_hooks")
_HOOK_REGISTRIES = (*_HOOK_KINDS, "forward_hooks_always_called", "forward_hooks_with_kwargs")


class _Scale(nn.Module):
    def forward(self, number: int, *, scale: int) -> int:
        return number * scale


def _keyword_arguments_are_found() -> bool:
    seen: list[dict[str, Any]] = []

    def before(*_: Any) -> None:
        seen.append(dict(internals.keyword_arguments(1)))

    def after(module: nn.Module, args: tuple[int], kwargs: dict[str, int], output: int) -> None:
        seen.append(kwargs)

    registries: dict[str, Any] = {f"_global_{kind}": {} for kind in _HOOK_REGISTRIES}
    ours: dict[str, Any] = {
        "_global_forward_pre_hooks": {-1: before},
        "_global_forward_hooks": {-2: after},
        "_global_forward_hooks_with_kwargs": {-2: True},
    }
    _with_other_globals(nn.Module._call_impl, **registries | ours)(_Scale(), 2, scale=3)
    return seen == [{"scale": 3}, {"scale": 3}]


def _modules_have_registries() -> bool:
    held = vars(nn.Module())
    return {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"} <= held.keys()


def _steps_are_counted() -> bool:
    counts: list[int] = []
    decorate = _with_other_globals(
        Optimizer.profile_hook_step, _global_optimizer_pre_hooks={}, _global_optimizer_post_hooks={}
    )
    stand_in = SimpleNamespace(
        _optimizer_step_pre_hooks={0: lambda *_: counts.append(internals.running_steps(2))},
        _optimizer_step_post_hooks={},
        _optimizer_step_code=lambda: None,
    )
    decorate(lambda _: counts.append(internals.running_steps(2)))(stand_in)
    return counts == [1, 1] and internals.running_steps(2) == 0


def _profiler_tells() -> bool:
    trace = Trace()
    with InsideOps(trace) as inside, inside.range(0):
        torch.UntypedStorage(256)  # no operator: whatever modes the caller is in, this is memory
    return list(trace.inside_bytes) == list(trace.inside_hidden) == [256]


PROBES: dict[str, Probe] = {
    "a backward does not tell where it is (torch._C._current_autograd_node and others)": _backward_is_seen,
    "torch._C._autograd._get_sequence_nr does not follow Node._sequence_nr": _sequence_numbers_follow,
    "backwards do not run in Variable._execution_engine, or call no hooks of nodes": _backwards_are_heard,
    "the nodes of leaves (AccumulateGrad) have another number, or no variable": _leaves_have_no_number,
    "autograd nodes do not show what they saved (_raw_saved_*)": _saved_tensors_are_read,
    "tensors do not show the hooks on them (_backward_hooks)": _hooks_on_tensors_are_seen,
    "a storage is not one Python object for as long as it lives": _storages_are_themselves,
    "Python's garbage collector does not know tensors": _tensors_are_collected,
    "sparse tensors do not show their parts (_indices, _values)": _sparse_tensors_have_parts,
    "copies are not made by torch._utils._rebuild_tensor and torch.UntypedStorage": _copies_are_reported,
    "operators do not tell what they make, or do not run (OpOverload._schema, _op)": _operators_tell_what_they_make,
    "operators refuse numbers for tensors with another text": _numbers_are_refused,
    "dispatch modes do not hear torch.tensor, or the copying of a parameter": _modes_hear_operators,
    "torch.nn.Module calls its hooks elsewhere than in _call_impl, or otherwise": _keyword_arguments_are_found,
    "torch.nn.Module keeps parameters, buffers or modules elsewhere": _modules_have_registries,
    "optimizer steps do not run in Optimizer.profile_hook_step": _steps_are_counted,
}
"""What is wrong -> what finds out, True when all is well."""
PROFILER_PROBES: dict[str, Probe] = {"torch's profiler does not tell what operators allocate": _profiler_tells}
