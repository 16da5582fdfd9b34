"""What an operator takes and gives back inside itself is counted when asked for."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from allocator import measure
from fake_cuda import on_gpu
from torch import nn
from torch.profiler import ProfilerActivity, profile
from workloads import WORKLOADS

from pytest_footprint.model.ref_type import RefType
from pytest_footprint.tracking import MemTracker
from pytest_footprint.tracking.operators import inside_ops
from pytest_footprint.tracking.operators.inside_ops import ProfilerBusyError

ANY_MODE_KEEPS = {"embedding_sparse": 2048}
"""As in test_totals: under any dispatch mode autograd copies a sparse gradient's indices."""


@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled")
@pytest.mark.parametrize("workload", WORKLOADS)
def test_the_peak_is_the_allocators_inside_operators_too(workload: str) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        truth = measure(WORKLOADS[workload](), mark_operators=False)
        torch.manual_seed(0)
        footprint = MemTracker(inside_ops=True).run(WORKLOADS[workload]())
    finally:
        torch.set_num_threads(threads)

    peak = footprint.peak.total - footprint.start.total
    assert abs(peak - truth.peak - ANY_MODE_KEEPS.get(workload, 0)) <= 8
    assert sum(group.nbytes for group in footprint.at_peak) == footprint.peak.total


def test_the_operator_that_hides_the_most_is_named() -> None:
    model, x = nn.Conv2d(3, 16, 3, padding=1), torch.randn(8, 3, 32, 32)

    footprint = MemTracker(inside_ops=True).run(lambda: model(x).sum().backward())

    assert next(iter(footprint.inside_ops)) in {"aten.convolution", "aten.convolution_backward"}
    assert max(footprint.inside_ops.values()) > 100_000
    inside = [group for group in footprint.at_peak if group.op.startswith("inside ")]
    assert [(group.ref_type, group.count) for group in inside] == [(RefType.TEMPORARY, 1)]


def test_without_being_asked_for_nothing_inside_operators_is_counted() -> None:
    x = torch.randn(1000)

    footprint = MemTracker().run(x.sort)

    assert footprint.inside_ops == {}


class _Device(ctypes.Structure):
    """``c10::Device``."""

    _fields_ = (("type", ctypes.c_int8), ("index", ctypes.c_int8))


@pytest.mark.skipif(sys.platform != "linux", reason="calls a function of libc10.so by its mangled name")
def test_what_a_cuda_allocator_reports_inside_an_operator_is_counted_on_its_device() -> None:
    # What CUDACachingAllocator.cpp calls for each block that it hands out, and takes back (as a negative size).
    c10 = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    report = c10._ZN3c1027reportMemoryUsageToProfilerEPvlmmNS_6DeviceE
    report.argtypes = (ctypes.c_void_p, ctypes.c_long, ctypes.c_size_t, ctypes.c_size_t, _Device)
    report.restype = None
    cuda_1, block = _Device(1, 1), 0x7F0000000000

    def workspace(x: torch.Tensor) -> torch.Tensor:
        report(block, 4 * 2**20, 4 * 2**20, 20 * 2**20, cuda_1)
        report(block, -4 * 2**20, 0, 20 * 2**20, cuda_1)
        return x.clone()

    library = torch.library.Library("footprint_workspace", "FRAGMENT")
    library.define("workspace(Tensor x) -> Tensor")
    library.impl("workspace", workspace, "CPU")

    def step() -> None:
        kept = on_gpu(1000, 1)
        torch.ops.footprint_workspace.workspace(torch.ones(100))
        del kept

    footprint = MemTracker(inside_ops=True).run(step)

    assert footprint.inside_ops == {"footprint_workspace.workspace": 4 * 2**20}
    assert footprint.peak["cuda:1"].total == 1024 + 4 * 2**20
    assert footprint.peak["cpu"].total == 800


def test_the_gpu_itself_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[ProfilerActivity]] = []
    enable = vars(inside_ops)["enable_profiler"]

    def noted(config: Any, activities: set[ProfilerActivity]) -> None:
        asked.append(activities)
        enable(config, activities)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("this would wake the driver"))
    monkeypatch.setattr(inside_ops, "enable_profiler", noted)

    with MemTracker(inside_ops=True):
        pass

    assert asked  # once, or twice where the self-check tried it first
    assert all(each == {ProfilerActivity.CPU} for each in asked)


def test_reading_while_recording_goes_on_loses_nothing() -> None:
    x = torch.randn(1000)
    with MemTracker(inside_ops=True) as tracker:
        first = tracker.run(x.unique)
        second = tracker.run(x.unique)

    assert first.peak.total - first.start.total == second.peak.total - second.start.total > 0


def test_a_profiler_that_runs_already_is_left_alone_and_named() -> None:
    tracker = MemTracker(inside_ops=True)

    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as users:
        with pytest.raises(ProfilerBusyError, match="inside_ops needs torch's profiler, which is running already"):
            tracker.__enter__()
        torch.ones(3) + 1

    assert any(event.key == "aten::add" for event in users.key_averages())


def test_a_profiler_that_takes_over_keeps_its_events_and_ours_says_so() -> None:
    tracker = MemTracker(inside_ops=True)

    tracker.__enter__()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as users:
        torch.ones(3) + 1
    with pytest.raises(ProfilerBusyError, match="inside_ops lost its events: another profiler was started"):
        tracker.__exit__(None, None, None)

    assert any(event.key == "aten::add" for event in users.key_averages())
    assert torch._C._len_torch_dispatch_stack() == 0


def test_stderr_stays_clean(capfd: pytest.CaptureFixture[str]) -> None:
    MemTracker(inside_ops=True).run(lambda: torch.randn(10).sort())

    assert capfd.readouterr().err == ""
