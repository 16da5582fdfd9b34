"""A torch that does something else than the trackers rely on is named before anything is recorded."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from refusals import first_uses, refusal
from torch import nn
from torch.nn.modules import module as torch_module
from torch.optim import Optimizer

from pytest_footprint.tracking import (
    MemTracker,
    internals,
    self_check_probes,
)
from pytest_footprint.tracking.operators import kinds


@pytest.fixture(autouse=True)
def first_use() -> Iterator[None]:
    with first_uses():
        yield


def other(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


class NoFrame(nn.Module):
    """Calls hooks from elsewhere."""

    def _call_impl(self, *given: Any, **named: Any) -> Any:
        def run_hooks() -> Any:
            for hook in torch_module._global_forward_pre_hooks.values():
                hook(self, given)
            return self.forward(*given, **named)

        return run_hooks()


def step_without_frame(function: Callable[..., Any]) -> Callable[..., Any]:
    def step(self: Any, *args: Any) -> Any:
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, args, {})
        return function(self, *args)

    return step


ENGINE = torch.autograd.Variable._execution_engine

LIES: list[tuple[Any, str, object, str]] = [
    (internals, "current_node", other(None), "_current_autograd_node"),
    (internals, "graph_task", other(-1), "_current_autograd_node and others"),
    (internals, "graph_task", other(0), "_current_autograd_node and others"),
    (internals, "_will_execute", other(True), "_current_autograd_node and others"),
    (internals, "when_backward_ends", other(None), "_current_autograd_node and others"),
    (internals, "BackwardCFunction", int, "_current_autograd_node and others"),
    (internals, "sequence_number", other(7), "_get_sequence_nr does not follow"),
    (
        torch.autograd,
        "_engine_run_backward",
        torch.autograd.Variable._execution_engine.run_backward,
        "_execution_engine",
    ),
    (internals, "ACCUMULATE_GRAD", 2**32 - 1, "AccumulateGrad"),
    (internals, "_set_strategy", lambda: None, "dispatch modes"),
    (internals, "COPIES_PARAMETER", ("torch.nn.parameter", "__copy__"), "the copying of a parameter"),
    (internals, "_STEP_FRAME", ("step", "optimizer.py"), "Optimizer.profile_hook_step"),
    (internals, "CALLS_MODULE_HOOKS", ("call_hooks",), "_call_impl"),
    (nn.Module, "_call_impl", NoFrame._call_impl, "_call_impl"),
    (Optimizer, "profile_hook_step", staticmethod(step_without_frame), "Optimizer.profile_hook_step"),
    (kinds, "OpOverload", int, "operators do not tell"),
    (kinds, "COMPOSITE", torch._C.DispatchKey.SparseCPU, "operators do not tell"),
    (kinds, "_LIFTS", frozenset[str](), "torch.tensor"),
    (self_check_probes, "REFUSED_NUMBER", "Numbers are no tensors", "refuse numbers"),
    (torch.Tensor, "register_hook", other(None), "_backward_hooks"),
    (self_check_probes, "storages", other(()), "sparse"),
    (torch._utils, "_rebuild_tensor_v2", torch.zeros, "_rebuild_tensor"),
    (torch.Tensor, "__deepcopy__", lambda self, _: self.clone(), "torch.UntypedStorage"),
    (torch.Tensor, "untyped_storage", lambda _: torch.UntypedStorage(4), "not one Python object"),
    (gc, "is_tracked", other(False), "garbage collector"),
]


@pytest.fixture(autouse=True)
def _operators_are_met_anew() -> Iterator[None]:
    """What was found out of torch's own operators is kept for the whole process, and so would lies be."""
    kinds._classify_once.cache_clear()
    yield
    kinds._classify_once.cache_clear()


@pytest.mark.parametrize(("place", "name", "lie", "told"), LIES, ids=[f"{row[1]} {n}" for n, row in enumerate(LIES)])
def test_each_that_does_something_else_is_named(
    place: Any, name: str, lie: object, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, lie)

    assert told in refusal()


def test_a_module_without_its_registries_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    begins = nn.Module.__init__

    def without(self: nn.Module) -> None:
        begins(self)
        del self._non_persistent_buffers_set

    monkeypatch.setattr(nn.Module, "__init__", without)

    assert "keeps parameters, buffers or modules elsewhere" in refusal()


def test_nodes_that_do_not_show_what_they_saved_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check_probes, "_SAVED", "_saved_tensors_of_self")

    assert "_raw_saved_*): AttributeError: " in refusal()


def test_a_profiler_that_tells_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_footprint.tracking.operators.inside_ops._flat", other(()))

    assert "torch's profiler does not tell what operators allocate" in refusal(lambda: MemTracker(inside_ops=True))


def test_every_probe_is_made_to_fail_above() -> None:
    told = [*(row[3] for row in LIES), "keeps parameters, buffers or modules elsewhere", "_raw_saved_*"]

    assert [each for each in self_check_probes.PROBES if not any(part in each for part in told)] == []
