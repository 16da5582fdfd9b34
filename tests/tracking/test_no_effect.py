"""torch and the user's process are left as they were found."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
import warnings
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.optim import optimizer as torch_optimizer
from torch.utils.checkpoint import checkpoint

from pytest_footprint.tracking import MemTracker


def _globals() -> dict[str, object]:
    return {
        "pre": list(torch_module._global_forward_pre_hooks),
        "post": list(torch_module._global_forward_hooks),
        "always": list(torch_module._global_forward_hooks_always_called),
        "registration": [
            *torch_module._global_parameter_registration_hooks,
            *torch_module._global_buffer_registration_hooks,
        ],
        "step pre": list(torch_optimizer._global_optimizer_pre_hooks),
        "step post": list(torch_optimizer._global_optimizer_post_hooks),
        "announces": torch_module._has_any_global_hook,
        "resize": torch.UntypedStorage.resize_,
        "storage": torch.UntypedStorage.__init__,
        "rebuilt": torch._utils._rebuild_tensor,
        "restored": nn.Module.__setstate__,
        "compile": nn.Module.compile,
        "call": nn.Module.__call__,
        "rng": torch.get_rng_state,
        "modes": torch._C._len_torch_dispatch_stack(),
        "format": warnings.formatwarning,
        "filters": list(warnings.filters),
        "gc": (gc.isenabled(), gc.get_freeze_count()),
        "grad": torch.is_grad_enabled(),
    }


class Fails(nn.Module):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.where = where
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.where == "recompute" and self.calls > 1:
            raise ArithmeticError(self.where)
        x = self.inner(x)
        if self.where == "forward":
            raise ArithmeticError(self.where)
        if self.where == "backward":
            x.register_hook(self._fail)
        return x * 2

    def _fail(self, gradient: torch.Tensor) -> torch.Tensor:
        raise ArithmeticError(self.where)


class FailingStep(torch.optim.SGD):
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        message = "step"
        raise ArithmeticError(message)


def _program(where: str) -> Callable[[], None]:
    model = Fails(where)

    def step() -> None:
        x = torch.randn(4, 4, requires_grad=True)
        out = checkpoint(model, x, use_reentrant=False) if where == "recompute" else model(x)
        out.sum().backward()
        FailingStep(model.parameters(), lr=0.1).step()

    return step


@pytest.mark.parametrize("where", ["forward", "backward", "recompute", "step"])
def test_nothing_is_left_after_an_exception(where: str) -> None:
    before = _globals()

    with pytest.raises(ArithmeticError, match=where):
        MemTracker().run(_program(where))

    assert _globals() == before


@pytest.mark.parametrize("where", ["forward", "backward", "recompute", "step"])
def test_after_a_caught_exception_the_recording_goes_on_rightly(where: str) -> None:
    good = nn.Linear(4, 4)
    tracker = MemTracker()

    with tracker:
        with pytest.raises(ArithmeticError):
            _program(where)()
        footprint = tracker.run(lambda: good(torch.randn(2, 4)).sum().backward())

    assert footprint.forward == ("Linear",)
    assert footprint.backward == ("Linear",)
    assert footprint.recomputed == ()


def test_nested_and_repeated_entries_leave_nothing() -> None:
    before = _globals()
    one, other = MemTracker(), MemTracker()

    with one, one, other:
        torch.zeros(10)
    with other, one:
        torch.zeros(10)
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    other.__exit__(None, None, None)

    assert _globals() == before


def test_objects_that_the_user_froze_stay_frozen() -> None:
    gc.freeze()
    try:
        with MemTracker():
            torch.zeros(10)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_garbage_of_before_does_not_die_inside_a_step_and_that_of_a_step_does() -> None:
    def garbage() -> None:
        cycle: list[object] = [torch.zeros(1000)]
        cycle.append(cycle)

    with MemTracker() as tracker:
        garbage()
        footprint = tracker.run(garbage)

    assert footprint.start.total == footprint.end.total == 0
    assert footprint.peak.total == 4000


def test_a_failed_entry_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _globals()
    monkeypatch.setattr("torch.utils._python_dispatch._push_mode", _refuse)

    with pytest.raises(ArithmeticError), MemTracker():
        pass
    monkeypatch.undo()

    after = _globals()
    assert {name: after[name] for name in before if name != "modes"} == {
        n: v for n, v in before.items() if n != "modes"
    }


def _refuse(*args: object) -> None:
    message = "no mode today"
    raise ArithmeticError(message)


def test_two_overlapping_trackers_both_see_everything() -> None:
    outer, inner = MemTracker(), MemTracker()

    with outer:
        first = torch.zeros(100)
        with inner:
            second = torch.zeros(200)
            second.untyped_storage().resize_(1600)

    assert outer.footprint().end.total == 400 + 1600
    assert inner.footprint().end.total == 1600
    del first, second


def test_a_dropped_forward_is_freed_at_once_without_gc() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    tracker = MemTracker()
    gc.disable()
    try:
        with tracker:
            out = model(torch.randn(4, 8))
            graph = weakref.ref(out)
            del out
            assert graph() is None
            assert tracker.footprint().end.activations == 0
    finally:
        gc.enable()


def test_a_tracker_dies_without_gc() -> None:
    gc.disable()
    try:
        tracker = MemTracker()
        with tracker:
            nn.Linear(4, 4)(torch.randn(2, 4)).sum().backward()
        tracker.footprint()
        dead = weakref.ref(tracker)
        del tracker
        assert dead() is None
    finally:
        gc.enable()


def test_a_trace_dies_with_its_tracker_without_gc() -> None:
    model = nn.Linear(4, 4)
    gc.disable()
    try:
        tracker = MemTracker()
        with tracker:
            model(torch.randn(2, 4))
        dead = weakref.ref(tracker.trace)
        del tracker
        assert dead() is None
    finally:
        gc.enable()


def test_a_footprint_does_not_change_after_the_context() -> None:
    tracker = MemTracker()
    with tracker:
        kept = torch.zeros(1000)
    before = tracker.footprint()

    del kept

    assert tracker.footprint() == before
    assert before.end.total == 4000


def test_thousands_of_evaluations_leave_nothing_growing_but_the_trace() -> None:
    model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), torch.randn(2, 4)
    tracker = MemTracker(source_lines=False)
    recorder = tracker._recorder
    with tracker, torch.no_grad():
        model(x)
        known = len(recorder.live.by_id), len(recorder.names.known)
        for _ in range(2000):
            model(x)

    assert (len(recorder.live.by_id), len(recorder.names.known)) == known


def test_a_failing_resize_is_the_users_error() -> None:
    with MemTracker(), pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
        torch.from_numpy(torch.zeros(4).numpy()).untyped_storage().resize_(1 << 20)


def test_the_error_of_an_operator_keeps_nothing_alive() -> None:
    def refused() -> weakref.ref[torch.Tensor]:
        given = torch.ones(2, 3)
        with contextlib.suppress(RuntimeError):
            torch.mm(given, given)
        return weakref.ref(given)

    gc.disable()
    try:
        with MemTracker():
            left = refused()()
    finally:
        gc.enable()

    assert left is None


def test_the_memory_of_a_recorded_operator_is_small() -> None:
    model, x = nn.Sequential(*[nn.Linear(4, 4) for _ in range(20)]), torch.randn(2, 4)
    tracker = MemTracker(source_lines=False)
    with tracker:
        model(x).sum().backward()
        before = len(tracker.trace.events)
        tracemalloc.start()
        for _ in range(50):
            model(x).sum().backward()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        events = len(tracker.trace.events) - before

    assert held / events < 50
